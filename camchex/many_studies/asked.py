"""A study as somebody asks for it: perhaps with images of unknown view, perhaps not to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from camchex.contract.schemas import View

GIVEN = "given"
CLASSIFIER = "classifier"


class AskedImage(NamedTuple):
    """One image file.

    Attributes:
        path: JPEG, PNG or DICOM.
        view: None: the view classifier is to decide it.
        source: What says so: ``GIVEN``, ``CLASSIFIER``, or an attribute of DICOM.
    """

    path: Path
    view: View | None = None
    source: str = GIVEN


@dataclass(frozen=True)
class AskedStudy:
    """One study to predict; what is not known is left out.

    Attributes:
        study_id: Its id as the user has it; empty where the table has none that can be used.
        row: Its number in the order of the input, from 1.
        images: Image files, those to be preferred first.
        indication: Text of the request, as written.
        vitals: Values by column of ``schemas.VITAL_SIGNS``.
        gender: F or M.
        notes: What a reader of the result should know, such as images that were set aside.
        problem: Why the study cannot be read, if it cannot.
        drops_unclear: Whether an image of unclear view, or that cannot be read, is set aside,
            rather than the whole study.
    """

    study_id: str
    row: int
    images: tuple[AskedImage, ...] = ()
    indication: str | None = None
    vitals: Mapping[str, float] = field(default_factory=dict)
    gender: Literal["F", "M"] | None = None
    notes: tuple[str, ...] = ()
    problem: str | None = None
    drops_unclear: bool = False
