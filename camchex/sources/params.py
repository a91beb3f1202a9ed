"""Sections ``data`` and ``external`` of params.yaml: places and meaning of the raw files."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from camchex.contract.params import Section
from camchex.contract.schemas import MIMIC

POLICY_KEYS = {
    "chexpert": {"uncertain", "unmentioned", "no_finding_source_hard"},
    "nih": {"no_finding_source_hard"},
    "vindr": {"min_readers", "nodule_mass", "no_finding_source_hard"},
}
"""Keys of ``LabelPolicy`` that must be given for each source."""


def _below_root(path: str) -> str:
    if PurePosixPath(path).is_absolute():
        raise ValueError("lies below data.root: give it without the leading /")
    return path


def _inside(path: str) -> str:
    if ".." in PurePosixPath(path).parts:
        raise ValueError("lies below data.cxr_lt, which DVC watches: give it without ..")
    return path


def _not_mimic(key: str) -> str:
    if key == MIMIC:
        raise ValueError(f"{MIMIC!r} is the cohort itself: name the external set otherwise")
    return key


BelowRoot = Annotated[str, Field(min_length=1), AfterValidator(_below_root)]
BelowCxrLt = Annotated[BelowRoot, AfterValidator(_inside)]
Key = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$"), AfterValidator(_not_mimic)
]


class CxrLtFiles(Section):
    """File of each split below ``data.cxr_lt``; each release has names of its own."""

    train: BelowCxrLt
    development: BelowCxrLt
    test: BelowCxrLt

    def below(self, folder: Path) -> dict[str, Path]:
        """Return the path of each split's file."""
        return {split: folder / name for split, name in self.model_dump().items()}


class DataParams(Section):
    """Section ``data``: folders of MIMIC-CXR, MIMIC-IV-ED and CXR-LT below one root."""

    root: Path
    tables: Path  # canonical tables that later stages read: of the first stages, or your own
    mimic_cxr_jpg: BelowRoot
    reports: BelowRoot
    mimic_iv_ed: BelowRoot
    cxr_lt: BelowRoot
    cxr_lt_files: CxrLtFiles
    cxr_lt_other_tests: tuple[BelowCxrLt, ...]  # test files of other releases
    # Labels that people gave to some studies, by a name of one's own: files below mimic_cxr_jpg.
    curated_tests: Mapping[Key, BelowRoot]
    watch_images: BelowRoot  # what DVC hashes in place of the images
    watch_reports: BelowRoot


class LabelPolicy(Section):
    """Meaning of the published labels of an external set where its publisher leaves it open.

    Source: docs/method.md, section 5.
    """

    uncertain: Literal["unknown", "positive", "negative"] = "unknown"  # -1 of CheXpert
    unmentioned: Literal["unknown", "negative"] = "unknown"  # a blank of CheXpert
    # Readers of VinDr-CXR, of three, who must name a finding.
    min_readers: Annotated[int, Field(ge=1, le=3)] = 2
    # Classes of a positive Nodule/Mass of VinDr-CXR: both are positive until a teacher decides
    # between them, or both are unknown. A negative Nodule/Mass makes both negative.
    nodule_mass: Literal["both", "unknown"] = "both"
    # Whether the source's No Finding (none of its own findings) is ours; else ours is unknown.
    no_finding_source_hard: bool = True
    # Classes by published finding, where they replace the source's module; none: left out.
    map: Mapping[str, tuple[str, ...]] = {}


RECOMMENDED = LabelPolicy()


class ExternalSet(Section):
    """One entry of section ``external``: a further set of images with its own labels."""

    source: Literal["chexpert", "nih", "vindr"]
    folder: BelowRoot
    table: BelowRoot  # below the folder, as is the next
    # What names the images of the official test: a list or table of its own below the folder, or
    # the table itself where none is published beside it.
    test_list: BelowRoot
    hold_out_test: bool  # whether students are trained without the patients of the official test
    watch_images: BelowRoot  # what DVC hashes in place of the images
    labels: LabelPolicy

    @model_validator(mode="after")
    def _policy_is_of_the_source(self) -> Self:
        given = self.labels.model_fields_set - {"map"}
        expected = POLICY_KEYS[self.source]
        if given != expected:
            raise ValueError(
                f"labels of source {self.source} holds {', '.join(sorted(expected))} and, if "
                f"wanted, map; found {', '.join(sorted(given)) or 'none of them'}"
            )
        return self

    @property
    def merged(self) -> tuple[str, str] | None:
        """Two classes that the source annotates as one, where a teacher decides between them."""
        decides = self.source == "vindr" and self.labels.nodule_mass == "both"
        return ("Nodule", "Mass") if decides else None


ExternalSets = dict[Key, ExternalSet]
"""Section ``external``: sets by key; the key names a set's folders and is its ``dataset``."""
