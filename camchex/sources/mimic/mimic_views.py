"""Which encoder reads a MIMIC-CXR image: frontal or lateral, from what its DICOM header says."""

import re
from functools import cache
from typing import Literal, NamedTuple

VIEW_POSITIONS: dict[str, Literal["frontal", "lateral"]] = {
    **dict.fromkeys(("AP", "PA", "AP AXIAL", "FRONTAL"), "frontal"),
    **dict.fromkeys(("AP LLD", "AP RLD", "PA LLD", "PA RLD", "LLD", "RLD"), "frontal"),  # decubitus
    **dict.fromkeys(("LAO", "RAO", "LPO", "RPO"), "frontal"),  # oblique
    **dict.fromkeys(("LATERAL", "LL", "RL", "XTABLE LATERAL", "SWIMMERS"), "lateral"),
}
VIEW_CODES: dict[str, Literal["frontal", "lateral"]] = {
    "antero-posterior": "frontal",
    "postero-anterior": "frontal",
    "lateral": "lateral",
    "left lateral": "lateral",
    "right lateral": "lateral",
}
SINGLE_AP = re.compile(r"\bAP\b")
DEFAULT = "default"
RULES = ("ViewPosition", "ViewCodeSequence", "ProcedureDescription", DEFAULT)


class View(NamedTuple):
    """A view, and which of ``RULES`` decided it."""

    view: Literal["frontal", "lateral"]
    source: str


@cache
def decide_view(
    position: str | None, code: str | None, step: str | None, code_text: str | None
) -> View:
    """Decide the view of one image: never neither, so that no image is fed as zeros.

    Args:
        position: ``ViewPosition``; blank for 4.2 % of the images.
        code: ``ViewCodeSequence_CodeMeaning``.
        step: ``PerformedProcedureStepDescription``.
        code_text: ``ProcedureCodeSequence_CodeMeaning``.

    Source:
        docs/method.md, section 2: the first rule that knows the image decides. The paper and the
        code of its release do not say what becomes of an image without ViewPosition.
    """
    by_position = VIEW_POSITIONS.get(_words(position).upper())
    if by_position:
        return View(by_position, "ViewPosition")
    by_code = VIEW_CODES.get(_words(code).lower())
    if by_code:
        return View(by_code, "ViewCodeSequence")
    if any(_is_single_frontal(_words(text).upper()) for text in (step, code_text)):
        return View("frontal", "ProcedureDescription")
    return View("frontal", DEFAULT)


def _is_single_frontal(procedure: str) -> bool:
    return "PORTABLE" in procedure or (
        SINGLE_AP.search(procedure) is not None and "LAT" not in procedure
    )


def _words(text: str | None) -> str:
    return " ".join((text or "").split())
