"""How many images and studies each training learns from, counted in the raw tables.

Where a table is not there, or cannot be read, its publisher's count stands for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camchex.check import check
from camchex.check.findings import FileFinding, Findings
from camchex.cohort.published import COUNTS, CXR_LT_COUNTS
from camchex.contract.labels import LabelParams
from camchex.errors import DataError
from camchex.sources.external import vindr
from camchex.sources.params import DataParams, ExternalSet, ExternalSets

VIEWS: Mapping[str, int] = {"frontal": 253_714, "lateral": 123_246}
"""Images of MIMIC-CXR by view, as its authors grouped them (docs/method.md, section 2)."""


@dataclass(frozen=True)
class SampleCounts:
    """Training samples of a configuration.

    Attributes:
        images: Of MIMIC-CXR's training split.
        studies: Of the same.
        lateral_share: Share of its images that are lateral.
        external: Images by external set.
        origins: What was counted, to where: a file that was read, or ``published``.
    """

    images: int
    studies: int
    lateral_share: float
    external: Mapping[str, int]
    origins: Mapping[str, str]

    @property
    def lateral(self) -> int:
        """Lateral training images of MIMIC-CXR."""
        return round(self.images * self.lateral_share)

    @property
    def frontal(self) -> int:
        """All the others."""
        return self.images - self.lateral

    @property
    def merged(self) -> int:
        """Images that a student learns from."""
        return self.images + sum(self.external.values())


def count_samples(data: DataParams, external: ExternalSets, labels: LabelParams) -> SampleCounts:
    """Count the training samples below ``data.root``; no image is opened.

    Args:
        data: Section ``data``.
        external: Section ``external``.
        labels: Section ``labels``.

    Raises:
        DataError: If a table is not there and nothing is published under its name.
    """
    return counted(check(data, external, labels), data, external, labels)


def counted(
    findings: Findings, data: DataParams, external: ExternalSets, labels: LabelParams
) -> SampleCounts:
    """The same, of what was found already."""
    files = {file.path: file for one in findings.data_sets for file in one.files}
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
    sizes = {key: _external(files, data.root, one) for key, one in sorted(external.items())}
    views = metadata["frontal"] + metadata["lateral"]
    return SampleCounts(
        images=images,
        studies=studies,
        lateral_share=metadata["lateral"] / views,
        external={key: size for key, (size, _) in sizes.items()},
        origins={"mimic": by_train, "views": by_metadata}
        | {key: origin for key, (_, origin) in sizes.items()},
    )


def _external(
    files: Mapping[Path, FileFinding], root: Path, external: ExternalSet
) -> tuple[int, str]:
    path = root / external.folder / external.table
    counts, origin = _counts(files, path, _published(path, external.source))
    return counts["images"], origin


def _published(path: Path, source: str) -> Mapping[str, int]:
    """Of the table of an external set, by its name where there are several."""
    if source == "vindr":
        known = path.exists()
        release = vindr.release(path) if known else "kaggle"
        return COUNTS[f"vindr_{release}"]
    return COUNTS["chexpert_valid" if path.name.startswith("valid") else source]


def _counts(
    files: Mapping[Path, FileFinding], path: Path, published: Mapping[str, int]
) -> tuple[Mapping[str, int], str]:
    """Of a file if it was read, else as published; and which of the two."""
    file = files.get(path)
    if file is not None and file.present and file.problem is None:
        return file.contents.counts, str(path)
    if not published:
        raise DataError(
            f"{path}: not there or not readable (`camchex check` says which), and no release "
            "publishes the size of a file of that name: put it there, or name a published one"
        )
    return published, "published"
