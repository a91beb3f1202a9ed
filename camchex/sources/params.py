"""Sections ``data`` and ``external`` of params.yaml: where the raw files lie, and what they are."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from camchex.params import Section

MIMIC = "mimic"  # the data set of the cohort: what the column `dataset` reads for it


def _below_root(path: str) -> str:
    if PurePosixPath(path).is_absolute():
        raise ValueError("lies below data.root: give it without the leading /")
    return path


def _not_mimic(key: str) -> str:
    if key == MIMIC:
        raise ValueError(f"{MIMIC!r} is the cohort itself: name the external set otherwise")
    return key


BelowRoot = Annotated[str, Field(min_length=1), AfterValidator(_below_root)]
Key = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$"), AfterValidator(_not_mimic)
]


class DataParams(Section):
    """Section ``data``: folders of MIMIC-CXR, MIMIC-IV-ED and CXR-LT below one root."""

    root: Path
    tables: Path  # canonical tables that the pipeline goes on from: its own, or one's own
    mimic_cxr_jpg: BelowRoot
    reports: BelowRoot
    mimic_iv_ed: BelowRoot
    cxr_lt: BelowRoot
    watch_images: BelowRoot  # what DVC hashes in place of the images
    watch_reports: BelowRoot


class ExternalSet(Section):
    """One entry of section ``external``: a further set of images, labelled in its own way."""

    source: Literal["chexpert", "nih", "vindr"]
    folder: BelowRoot
    table: BelowRoot  # below the folder, as is the next
    watch_images: BelowRoot  # what DVC hashes in place of the images
    min_readers: Annotated[int, Field(ge=1, le=3)] | None = None  # vindr: votes for a finding

    @model_validator(mode="after")
    def _readers_are_of_vindr(self) -> Self:
        if (self.source == "vindr") != (self.min_readers is not None):
            raise ValueError("min_readers belongs to source vindr (1, 2 or 3), and only to it")
        return self


ExternalSets = dict[Key, ExternalSet]
"""Section ``external``: the sets by key, which names their folders and their ``dataset``."""
