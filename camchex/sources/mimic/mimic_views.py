"""The view of a MIMIC-CXR image, frontal or lateral, which decides the encoder that reads it."""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.schemas import UNKNOWN_VIEW
from camchex.sources.csv.lookup import positions

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
OTHER: Mapping[View, View] = {"frontal": "lateral", "lateral": "frontal"}
PLAIN_FRONTAL = ("AP", "PA", "FRONTAL")  # of the positions, those that a lateral view goes with
TWO_VIEWS = r"(?=.*\b(PA|AP|FRONTAL)\b)(?=.*\bLAT(ERAL)?\b)|.*\b(2|TWO)[ -]?V(IEWS?)?\b"
MORE_VIEWS = r"OBL|DECUB|LORDO|APICAL|INSP|EXP|\b(3|4|THREE|FOUR|MULT\w*)[ -]?V(IEWS?)?\b"
RULES = ("ViewPosition", "ViewCodeSequence", "ProcedureDescription", "OtherImage", UNKNOWN_VIEW)
VIEW_COLUMNS = (
    "ViewPosition",
    "ViewCodeSequence_CodeMeaning",
    "PerformedProcedureStepDescription",
    "ProcedureCodeSequence_CodeMeaning",
)


def decide_views(headers: Mapping[str, pa.Array], study_id: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Decide the view of every image, by its header and by the other images of its study.

    Where the header tells nothing but a procedure of two views (PA AND LAT), and all that is
    missing of the two is one of them, the one image of unknown view is that one.

    Args:
        headers: ``VIEW_COLUMNS``, (N,).
        study_id: Study of each image, (N,).

    Returns:
        The views, and which of ``RULES`` decided each, (N,).

    Source:
        docs/method.md, section 2 (ours).
    """
    rows = list(zip(*(headers[name].to_pylist() for name in VIEW_COLUMNS), strict=True))
    decided = [decide_view(*row) for row in rows]
    unknown = pa.array([rule is UNKNOWN_VIEW for _, rule in decided], pa.bool_())
    among = pc.is_valid(positions(study_id, study_id.filter(unknown)))
    studies: dict[str, list[int]] = defaultdict(list)
    for i, study in zip(
        pc.indices_nonzero(among).to_pylist(), study_id.filter(among).to_pylist(), strict=True
    ):
        studies[study].append(i)
    for images in studies.values():
        undecided = [i for i in images if decided[i][1] == UNKNOWN_VIEW]
        if len(undecided) == 1 and says_two_views(*rows[undecided[0]][2:]):
            known = {decided[i][0] for i in images if _is_plain(rows[i][0], decided[i])}
            if len(known) == 1:
                decided[undecided[0]] = (OTHER[known.pop()], "OtherImage")
    views, rules = ([one[i] for one in decided] for i in (0, 1))
    return pa.array(views, pa.string()), pa.array(rules, pa.string())


def _is_plain(position: str | None, decided: tuple[View, str]) -> bool:
    """Whether an image is known to be one of the two views that make a pair."""
    view, rule = decided
    plain = view == "lateral" or _words(position).upper() in PLAIN_FRONTAL
    return rule == "ViewCodeSequence" or (rule == "ViewPosition" and plain)


@cache
def says_two_views(step: str | None, code_text: str | None) -> bool:
    """Whether a procedure is a frontal and a lateral view, and no further one."""
    texts = (_words(step).upper(), _words(code_text).upper())
    two = any(re.match(TWO_VIEWS, text) for text in texts)
    return two and not any(re.search(MORE_VIEWS, text) for text in texts)


@cache
def decide_view(
    position: str | None, code: str | None, step: str | None, code_text: str | None
) -> tuple[View, str]:
    """Decide the view of one image from its own header; every image has one.

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
    return "frontal", UNKNOWN_VIEW


def _words(text: str | None) -> str:
    return " ".join((text or "").split())
