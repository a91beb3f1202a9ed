"""The page and its pieces as HTML; all that visitors and files say is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass

from camchex import NOT_A_DEVICE, __version__
from camchex.aggregates.templates import templates_of
from camchex.app.about import About
from camchex.app.form import MOST_BYTES, MOST_FILES, MOST_LETTERS
from camchex.contract.schemas import UNITS, VITAL_SIGNS
from camchex.scores.calibration_file import Rule
from camchex.texts.vitals_text import TITLES

MEGABYTE = 2**20
RULE_NAMES: dict[Rule, tuple[str, str]] = {
    "max_f1": ("F1", "the largest F1"),
    "specificity_90": ("Spec.", "the largest sensitivity at a specificity of at least 0.9"),
}
"""Short name of each threshold, and for what it was fitted on the development studies."""
NAMES = {**TITLES, "frontal": "frontal image", "lateral": "lateral image", "gender": "sex"}
"""What may be missing of a study, as people say it."""
ENVIRONMENT = templates_of("camchex.app")


@dataclass(frozen=True)
class Mark:
    """One threshold of a finding, and whether the probability reaches it."""

    rule: Rule
    at: float
    reached: bool | None


@dataclass(frozen=True)
class Bar:
    """One finding with its probability and its thresholds."""

    finding: str
    probability: float
    marks: Sequence[Mark] = ()


def front_page(about: About) -> str:
    """The page before anything is entered."""
    return ENVIRONMENT.get_template("front_page.html").render(
        about=about,
        note=NOT_A_DEVICE,
        version=__version__,
        vital_signs=[(name, TITLES[name], _unit(name)) for name in VITAL_SIGNS],
        most_files=MOST_FILES,
        most_bytes=MOST_BYTES,
        most_megabytes=MOST_BYTES // MEGABYTE,
        most_letters=MOST_LETTERS,
    )


def numbers_page(
    bars: Sequence[Bar],
    *,
    calibrated: bool,
    missing: Sequence[str],
    images: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> str:
    """The piece of the page with every finding.

    Args:
        bars: The findings, most probable first.
        calibrated: Whether the probabilities are calibrated.
        missing: Inputs that are not known.
        images: Name of each image that was read, and its view with what says so.
        notes: Decisions on images.
    """
    return ENVIRONMENT.get_template("numbers.html").render(
        bars=bars,
        calibrated=calibrated,
        missing=[NAMES.get(name, name) for name in missing],
        images=images,
        notes=notes,
        rules=RULE_NAMES,
    )


def static(name: str) -> str:
    """A style sheet or a script of the page."""
    return ENVIRONMENT.get_template(name).render()


def _unit(name: str) -> str:
    return UNITS[name].rpartition(",")[2].strip(" .")
