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

    train: BelowCxrLt  #: file of the training split
    development: BelowCxrLt  #: file of the development split
    test: BelowCxrLt  #: file of the test split

    def below(self, folder: Path) -> dict[str, Path]:
        """Return the path of each split's file."""
        return {split: folder / name for split, name in self.model_dump().items()}


class DataParams(Section):
    """Section ``data``: folders of MIMIC-CXR, MIMIC-IV-ED and CXR-LT below one root."""

    root: Path  #: folder of the raw data
    tables: Path  #: canonical tables that later stages read: of the first stages, or your own
    mimic_cxr_jpg: BelowRoot  #: folder of MIMIC-CXR-JPG
    reports: BelowRoot  #: archive or folder of MIMIC-CXR's reports
    mimic_iv_ed: BelowRoot  #: folder of MIMIC-IV-ED
    cxr_lt: BelowRoot  #: folder of CXR-LT
    cxr_lt_files: CxrLtFiles  #: files of CXR-LT, by split
    #: test files of other releases, whose share in training is counted
    cxr_lt_other_tests: tuple[BelowCxrLt, ...]
    #: labels that people gave to some studies, by a name of your own: files below mimic_cxr_jpg
    curated_tests: Mapping[Key, BelowRoot]
    #: tables that tell patients apart, below root: edstays of MIMIC-IV-ED, patients of MIMIC-IV
    demographics: Mapping[Literal["race", "age"], BelowRoot]
    watch_images: BelowRoot  #: what DVC hashes in place of the images
    watch_reports: BelowRoot  #: what DVC hashes in place of the reports


class LabelPolicy(Section):
    """Meaning of the published labels of an external set where its publisher leaves it open.

    Source: docs/method.md, section 5.
    """

    #: meaning of -1; CheXpert only
    uncertain: Literal["unknown", "positive", "negative"] = "unknown"
    unmentioned: Literal["unknown", "negative"] = "unknown"  #: meaning of a blank; CheXpert only
    #: readers, of three, who must name a finding; VinDr-CXR only
    min_readers: Annotated[int, Field(ge=1, le=3)] = 2
    #: classes of a positive Nodule/Mass: both are positive until a teacher decides, or both are
    #: unknown; a negative one makes both negative; VinDr-CXR only
    nodule_mass: Literal["both", "unknown"] = "both"
    #: whether the source's No Finding (none of its own findings) is ours; else ours is unknown
    no_finding_source_hard: bool = True
    #: classes by published finding, where they replace the source's module; none: left out
    map: Mapping[str, tuple[str, ...]] = {}


RECOMMENDED = LabelPolicy()


class ExternalSet(Section):
    """One entry of section ``external``: a further set of images with its own labels."""

    source: Literal["chexpert", "nih", "vindr"]  #: how the set is published
    folder: BelowRoot  #: folder of the set
    table: BelowRoot  #: table of its labels, below the folder
    #: what names the images of the official test: a list or table below the folder, or the table
    #: itself where none is published beside it
    test_list: BelowRoot
    hold_out_test: bool  #: whether students are trained without the patients of the official test
    watch_images: BelowRoot  #: what DVC hashes in place of the images, below the folder
    labels: LabelPolicy  #: meaning of the labels where the publisher leaves it open

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
