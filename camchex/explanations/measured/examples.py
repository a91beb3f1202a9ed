"""Pictures of maps beside the drawn sign, for the report: of invented patients only."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from camchex.aggregates.results import Results
from camchex.contract.schemas import View
from camchex.explanations.explain import ExplainedImage
from camchex.explanations.maps import METHODS
from camchex.explanations.measured.judged import Measured
from camchex.explanations.measured.studies import Opened, signs_of
from camchex.explanations.overlays import overlay, plain

HOW_MANY = 4
SIDE = 128  # pixels


def examples(
    held: Opened, rows: Sequence[Measured], judged: Mapping[str, Results], method: str
) -> list[dict[str, str]]:
    """Draw the first measured sign of the findings with the clearest lead, hit or not.

    Args:
        held: The model and its cohort.
        rows: The scores of maps, in the order of the draw.
        judged: Verdicts by finding.
        method: Method of the maps.

    Returns:
        ``finding``, ``view``, and PNGs in base64: ``image``, ``map``, and the drawn ``sign``.
    """
    shown = [name for name, one in judged.items() if one["shown"]]
    clearest = sorted(shown, key=lambda name: (-judged[name]["lead_at_least"], name))[:HOW_MANY]
    firsts = [next(row for row in rows if row.finding == name) for name in clearest]
    return [_drawn(held, row, method) for row in firsts]


def _drawn(held: Opened, row: Measured, method: str) -> dict[str, str]:
    answer, signs = signs_of(held, row.study)
    number, mask = next(
        (sign.image, sign.mask)
        for sign in signs
        if (sign.finding, sign.view) == (row.finding, row.view)
    )
    pixels = answer.batch.images[number, 0].numpy()
    found = METHODS[method](answer, number, [held.model.classes.index(row.finding)])[0]
    view: View = "lateral" if bool(answer.batch.lateral[number]) else "frontal"
    mapped, drawn = (
        ExplainedImage(Path(), view, pixels, np.maximum(one, 0)) for one in (found, mask * 1.0)
    )
    pictures = {
        "image": plain(mapped, SIDE),
        "map": overlay(mapped, SIDE),
        "sign": overlay(drawn, SIDE),
    }
    encoded = {name: base64.b64encode(png).decode() for name, png in pictures.items()}
    return {"finding": row.finding, "view": row.view, **encoded}
