"""Sections ``data`` and ``external`` of params.yaml: where the raw files lie, and what they are."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from camchex.contract.params import Section
from camchex.contract.schemas import MIMIC

POLICIES = {
    "chexpert": {"uncertain", "unmentioned"},
    "nih": set[str](),
    "vindr": {"min_readers", "nodule_mass"},
}
"""What ``LabelPolicy`` has to say of each source, besides what it says of all."""
OF_ALL = {"no_finding_source_hard"}


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
    """The file of each split, below ``data.cxr_lt``; the release of 2024 names them otherwise."""

    train: BelowCxrLt
    development: BelowCxrLt
    test: BelowCxrLt

    def below(self, folder: Path) -> dict[str, Path]:
        """Each split's path."""
        return {split: folder / name for split, name in self.model_dump().items()}


class DataParams(Section):
    """Section ``data``: folders of MIMIC-CXR, MIMIC-IV-ED and CXR-LT below one root."""

    root: Path
    tables: Path  # canonical tables that the pipeline goes on from: its own, or one's own
    mimic_cxr_jpg: BelowRoot
    reports: BelowRoot
    mimic_iv_ed: BelowRoot
    cxr_lt: BelowRoot
    cxr_lt_files: CxrLtFiles
    cxr_lt_other_tests: tuple[BelowCxrLt, ...]  # what they share with training is counted
    watch_images: BelowRoot  # what DVC hashes in place of the images
    watch_reports: BelowRoot


class LabelPolicy(Section):
    """Meaning of the published labels of an external set where its publisher leaves it open.

    Attributes:
        uncertain: What -1 (CheXpert) is.
        unmentioned: What a blank (CheXpert) is.
        min_readers: Readers of VinDr-CXR who must name a finding, of three.
        nodule_mass: What a positive Nodule/Mass of VinDr-CXR says: both are positive until a
            teacher decides between them, or neither is known. Where it is negative both are.
        no_finding_source_hard: Whether the source's No Finding (none of *its* findings) is
            No Finding; else that is unknown.
        map: Classes by published finding, for those that are to mean something else than in the
            source's module; none: the finding is left out.

    Source: docs/method.md, section 5.
    """

    uncertain: Literal["unknown", "positive", "negative"] = "unknown"
    unmentioned: Literal["unknown", "negative"] = "unknown"
    min_readers: Annotated[int, Field(ge=1, le=3)] = 2
    nodule_mass: Literal["both", "unknown"] = "both"
    no_finding_source_hard: bool = True
    map: Mapping[str, tuple[str, ...]] = {}


RECOMMENDED = LabelPolicy()


class ExternalSet(Section):
    """One entry of section ``external``: a further set of images, labelled in its own way."""

    source: Literal["chexpert", "nih", "vindr"]
    folder: BelowRoot
    table: BelowRoot  # below the folder, as is the next
    watch_images: BelowRoot  # what DVC hashes in place of the images
    labels: LabelPolicy

    @model_validator(mode="after")
    def _policy_is_of_the_source(self) -> Self:
        given = self.labels.model_fields_set - {"map"}
        expected = POLICIES[self.source] | OF_ALL
        if given != expected:
            raise ValueError(
                f"labels of source {self.source} holds {', '.join(sorted(expected))} and, if "
                f"wanted, map; found {', '.join(sorted(given)) or 'none of them'}"
            )
        return self

    @property
    def merged(self) -> tuple[str, str] | None:
        """Two classes that the source annotates as one, if a teacher is to decide between them."""
        decides = self.source == "vindr" and self.labels.nodule_mass == "both"
        return ("Nodule", "Mass") if decides else None


ExternalSets = dict[Key, ExternalSet]
"""Section ``external``: the sets by key, which names their folders and their ``dataset``."""
