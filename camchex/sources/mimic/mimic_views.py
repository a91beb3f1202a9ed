"""The view of a MIMIC-CXR image, frontal or lateral, which decides the encoder that reads it."""

import re
from functools import cache
from typing import Literal

View = Literal["frontal", "lateral"]
VIEW_POSITIONS: dict[str, View] = {
    **dict.fromkeys(("AP", "PA", "AP AXIAL", "FRONTAL"), "frontal"),
    **dict.fromkeys(("AP LLD", "AP RLD", "PA LLD", "PA RLD", "LLD", "RLD"), "frontal"),  # decubitus
    **dict.fromkeys(("LAO", "RAO", "LPO", "RPO"), "frontal"),  # oblique
    **dict.fromkeys(("LATERAL", "LL", "RL", "XTABLE LATERAL", "SWIMMERS"), "lateral"),
}
VIEW_CODES: dict[str, View] = {
    **dict.fromkeys(("antero-posterior", "postero-anterior"), "frontal"),
    **dict.fromkeys(("lateral", "left lateral", "right lateral"), "lateral"),
}
DEFAULT = "default"
RULES = ("ViewPosition", "ViewCodeSequence", "ProcedureDescription", DEFAULT)


@cache
def decide_view(
    position: str | None, code: str | None, step: str | None, code_text: str | None
) -> tuple[View, str]:
    """Decide the view of one image from its DICOM header; every image has one.

    Args:
        position: ``ViewPosition``; blank for 4.2 % of the images.
        code: ``ViewCodeSequence_CodeMeaning``.
        step: ``PerformedProcedureStepDescription``.
        code_text: ``ProcedureCodeSequence_CodeMeaning``.

    Returns:
        The view, and which of ``RULES`` decided it.

    Source:
        docs/method.md, section 2: the first rule that knows the image decides. The paper and the
        code of its release do not say what becomes of an image without ViewPosition.
    """
    written_position, written_code = _words(position).upper(), _words(code).lower()
    if written_position in VIEW_POSITIONS:
        return VIEW_POSITIONS[written_position], "ViewPosition"
    if written_code in VIEW_CODES:
        return VIEW_CODES[written_code], "ViewCodeSequence"
    for procedure in (_words(step).upper(), _words(code_text).upper()):
        single_ap = re.search(r"\bAP\b", procedure) and "LAT" not in procedure
        if single_ap or "PORTABLE" in procedure:
            return "frontal", "ProcedureDescription"
    return "frontal", DEFAULT


def _words(text: str | None) -> str:
    return " ".join((text or "").split())
