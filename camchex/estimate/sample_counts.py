"""Numbers of images and studies that each training learns from, counted in the raw tables.

A table that is missing or cannot be read counts as published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camchex.check.checked import CheckedData, CheckedFile
from camchex.cohort.published import COUNTS, CXR_LT_COUNTS, OFFICIAL_TEST
from camchex.contract.labels import LabelParams
from camchex.errors import DataError
from camchex.sources.external import vindr
from camchex.sources.params import DataParams, ExternalSets

VIEWS: Mapping[str, int] = {"frontal": 253_714, "lateral": 123_246}
"""Images of MIMIC-CXR by view, as its authors grouped them (docs/method.md, section 2)."""


@dataclass(frozen=True)
class SampleCounts:
    """Training samples of a configuration.

    Attributes:
        images: Images of the training split of MIMIC-CXR; ``studies`` alike.
        lateral: Lateral ones of these images, by the share in MIMIC-CXR as a whole.
        external: Images by external set, without those held out.
        origins: Source of each count: the path of a table, or ``published``.
    """

    images: int
    studies: int
    lateral: int
    external: Mapping[str, int]
    origins: Mapping[str, str]


def count_samples(
    checked: CheckedData, data: DataParams, external: ExternalSets, labels: LabelParams
) -> SampleCounts:
    """Count the training samples of a configuration; no image is opened.

    ``checked`` is the result of :func:`camchex.check.check_data` on the three sections.

    Raises:
        DataError: If a table is missing and nothing is published under its name.
    """
    files = {file.path: file for one in checked.data_sets for file in one.files}
    mimic = data.root / data.mimic_cxr_jpg
    metadata, by_metadata = _counts(
        files, mimic / "mimic-cxr-2.0.0-metadata.csv.gz", {**COUNTS["metadata"], **VIEWS}
    )
    if labels.reads_cxr_lt and labels.splits == "cxr-lt":
        path = data.cxr_lt_files.below(data.root / data.cxr_lt)["train"]
        train, by_train = _counts(files, path, CXR_LT_COUNTS.get(path.name, {}))
        images, studies = train["images"], train["studies"]
    else:
        split, by_train = _counts(files, mimic / "mimic-cxr-2.0.0-split.csv.gz", COUNTS["split"])
        images = split["train"]
        studies = round(images * metadata["studies"] / metadata["images"])
    sizes, origins = {}, {"mimic": by_train, "views": by_metadata}
    for key, one in sorted(external.items()):
        path = data.root / one.folder / one.table
        published: str = "chexpert_valid" if path.name.startswith("valid") else one.source
        if one.source == "vindr":
            published = f"vindr_{vindr.release(path) if path.exists() else 'kaggle'}"
        counts, origins[key] = _counts(files, path, COUNTS[published])
        held_out = counts.get(OFFICIAL_TEST, 0) if one.hold_out_test else 0
        sizes[key] = counts["images"] - held_out
    share = metadata["lateral"] / (metadata["frontal"] + metadata["lateral"])
    return SampleCounts(images, studies, round(images * share), sizes, origins)


def _counts(
    files: Mapping[Path, CheckedFile], path: Path, published: Mapping[str, int]
) -> tuple[Mapping[str, int], str]:
    """Return the counts of a file if it was read, else those published, and their source."""
    file = files.get(path)
    if file is not None and file.present and file.problem is None:
        return file.table.counts, str(path)
    if not published:
        raise DataError(
            f"{path}: missing or not readable (`camchex check` says which), and no release "
            "publishes the size of a file of that name: put it there, or name a published one"
        )
    return published, "published"
