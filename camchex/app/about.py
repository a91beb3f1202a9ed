"""What the page says of a model before anything is entered; crosses from process to process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camchex.contract.schemas import View


@dataclass(frozen=True)
class ExampleImage:
    """One image of an example: its file name, its view, and a PNG."""

    name: str
    view: View
    png: bytes


@dataclass(frozen=True)
class Example:
    """One invented study.

    Attributes:
        title: What was drawn.
        images: Its images.
        indication: As a clinician might have written it.
        vitals: Values by column of ``schemas.VITAL_SIGNS``.
        gender: F, M, or empty.
    """

    title: str
    images: tuple[ExampleImage, ...]
    indication: str = ""
    vitals: Mapping[str, float] | None = None
    gender: str = ""


@dataclass(frozen=True)
class About:
    """What the page says before anything is entered.

    Attributes:
        name: Name of the model's folder, and the start of its digest.
        inputs: Inputs that the model reads.
        classes: Number of findings.
        calibrated: Whether probabilities are calibrated.
        decides_views: Whether the model has a view classifier.
        examples: Invented studies.
        style: Style sheet of the explanations.
    """

    name: str
    inputs: Sequence[str]
    classes: int
    calibrated: bool
    decides_views: bool
    examples: Sequence[Example]
    style: str
