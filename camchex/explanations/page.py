"""An explanation as files: one HTML page that needs nothing from outside, JSON, and PNGs."""

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

from camchex import NOT_A_DEVICE, __version__
from camchex.aggregates.templates import templates_of
from camchex.contract.files import write_text
from camchex.errors import DataError
from camchex.explanations.explain import ExplainedFinding, Explanation
from camchex.explanations.offered import KINDS
from camchex.explanations.overlays import overlay, plain

PAGE, JSON = "explanation.html", "explanation.json"
LEAST_SCALE = 1e-9
SAID = {
    "images": "images",
    "frontal": "frontal images",
    "lateral": "lateral images",
    "indication": "indication",
    "vitals": "vital signs and sex",
}
HOW = {
    "left_out": "What the number loses when {} is left out.",
    "alone": "What {} adds when it is the only one. A part of that is that anything is known at "
    "all: compare the bars with each other.",
    "integrated_gradients": "Integrated gradients from padding in the place of {}.",
}
"""What an effect is, by method."""
ENVIRONMENT = templates_of("camchex.explanations")


def write_explanation(explanation: Explanation, out: Path) -> list[Path]:
    """Write the page, the JSON and a PNG for every map into a folder that is new or empty.

    Returns:
        The files.

    Raises:
        DataError: If the folder is neither.
    """
    require_new(out)
    out.mkdir(parents=True, exist_ok=True)
    pictures = {
        picture_name(found, number): overlay(image)
        for found in explanation.findings
        for number, image in enumerate(found.images)
    }
    for name, png in pictures.items():
        (out / name).write_bytes(png)
    write_text(out / JSON, json.dumps(as_json(explanation), indent=2, allow_nan=False) + "\n")
    write_text(out / PAGE, page(explanation))
    return [out / name for name in (PAGE, JSON, *pictures)]


def require_new(out: Path) -> None:
    """Raise a DataError unless a folder is new or empty."""
    if os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder. Name a new one.")


def picture_name(found: ExplainedFinding, number: int) -> str:
    """Name the PNG of one map."""
    finding = re.sub(r"[^a-z0-9]+", "_", found.finding.lower()).strip("_")
    return f"{finding}-{number + 1}-{found.images[number].view}.png"


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation for other programs; every effect is in log-odds."""
    known = explanation.evidence
    return {
        "note": NOT_A_DEVICE,
        "version": __version__,
        "calibrated": explanation.calibrated,
        "missing": list(explanation.missing),
        "evidence": {
            "data": known.data,
            "of_this_model": explanation.same_model,
            "methods": dict(known.methods),
        },
        "image_notes": {str(path): list(said) for path, said in explanation.notes.items()},
        "findings": [_finding(found) for found in explanation.findings],
    }


def _finding(found: ExplainedFinding) -> dict[str, Any]:
    return {
        "finding": found.finding,
        "probability": found.probability,
        "without_anything": found.without_anything,
        "left_out": dict(found.left_out),
        "contributions": dict(found.contributions),
        "words": [{"word": word, "effect": effect} for word, effect in found.words],
        "vitals": [
            {"name": name, "value": value, "effect": effect} for name, value, effect in found.vitals
        ],
        "maps": [
            {
                "image": str(image.path),
                "view": image.view,
                "png": picture_name(found, number),
                "largest_effect": float(image.raised.max()),
                "largest_at": image.peak,
            }
            for number, image in enumerate(found.images)
        ],
        "not_shown": dict(found.not_shown),
    }


def page(explanation: Explanation) -> str:
    """The page: everything inside, nothing from elsewhere."""
    return _rendered("explanation.html", explanation)


def sections(explanation: Explanation) -> str:
    """What the page says of each finding, to be put into another page with the same style."""
    return _rendered("findings.html", explanation)


def style() -> str:
    """The style sheet of the page."""
    return ENVIRONMENT.get_template("explanation.css").render()


def _rendered(template: str, explanation: Explanation) -> str:
    return ENVIRONMENT.get_template(template).render(
        explanation=explanation,
        note=NOT_A_DEVICE,
        version=__version__,
        said=SAID,
        said_of={
            kind: {name: text.format(part) for name, text in HOW.items()}
            for kind, part in (("words", "a word"), ("vitals", "a vital sign"))
        },
        kinds=KINDS,
        pictures=_pictures,
        width=_width,
        real=lambda word: any(map(str.isalnum, word)),
    )


def _pictures(found: ExplainedFinding) -> list[dict[str, Any]]:
    return [
        {
            "image": image,
            "plain": base64.b64encode(plain(image)).decode(),
            "overlay": base64.b64encode(overlay(image)).decode(),
        }
        for image in found.images
    ]


def _width(effect: float, effects: list[float]) -> str:
    """Length of a bar, in per cent of the longest one."""
    longest = max([LEAST_SCALE, *map(abs, effects)])
    return f"{100 * abs(effect) / longest:.1f}"
