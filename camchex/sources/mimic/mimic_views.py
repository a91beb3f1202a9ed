"""The view of a MIMIC-CXR image, frontal or lateral, which decides the encoder that reads it."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.schemas import UNKNOWN_VIEW
from camchex.sources.csv.lookup import positions

View = Literal["frontal", "lateral"]
Procedure = Literal["single", "two", "other"]
VIEW_POSITIONS: dict[str, View] = {
    **dict.fromkeys(("AP", "PA", "AP AXIAL", "FRONTAL"), "frontal"),
    **dict.fromkeys(("AP LLD", "AP RLD", "PA LLD", "PA RLD", "LLD", "RLD"), "frontal"),  # decubitus
    **dict.fromkeys(("LAO", "RAO", "LPO", "RPO"), "frontal"),  # oblique
    **dict.fromkeys(("LATERAL", "LL", "RL", "XTABLE LATERAL", "SWIMMERS"), "lateral"),
    **dict.fromkeys(("LAT", "L LAT", "R LAT", "LEFT LATERAL", "RIGHT LATERAL"), "lateral"),
}
VIEW_CODES: dict[str, View] = {
    **dict.fromkeys(("antero-posterior", "postero-anterior"), "frontal"),
    **dict.fromkeys(("lateral", "left lateral", "right lateral"), "lateral"),
}
OTHER: Mapping[View, View] = {"frontal": "lateral", "lateral": "frontal"}
PLAIN_FRONTAL = ("AP", "PA", "FRONTAL")  # of the positions, those that a lateral view goes with
VIEWS = r"[ -]?V(W|WS|IEWS?)?\b"
LATERAL = re.compile(r"\bLAT(ERAL)?\b")
FRONTAL = re.compile(r"\b(PA|AP|FRONTAL|POSTERO-?ANTERIOR|ANTERO-?POSTERIOR)\b")
SINGLE = re.compile(r"\b(AP|PORTABLE)\b")
TWO = re.compile(rf"\b(2|TWO|BOTH){VIEWS}")
MANY = re.compile(rf"\b([3-9]|THREE|FOUR|FIVE|MULT\w*){VIEWS}|\bOR MORE\b")
FURTHER = re.compile(r"\b(OBL|DECUB|LORDO|APICAL|INSP(IR\w*)?\b|EXP(IR\w*)?\b)")
CHEST = re.compile(r"\b(CHEST|CXR|THORAX)\b")
OTHER_PARTS = re.compile(
    r"\b(RIBS?|ABD|ABDOM\w*|KUB|SPINE|STERNUM|CLAVICLES?|SHOULDERS?|NECK|HIPS?)\b"
)
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
    missing of the two is one of them, the one image of unknown view is that one. An image without
    procedure has that of the study, where the other images agree on it.

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
        if len(undecided) == 1:
            said = {i: procedures(*rows[i][2:]) for i in images}
            of_pair = said[undecided[0]] or frozenset[Procedure]().union(*said.values())
            known = {i: decided[i][0] for i in images if _is_plain(rows[i][0], decided[i])}
            same = any(said[i] <= of_pair for i in known)  # not of another procedure
            if of_pair == {"two"} and same and len({*known.values()}) == 1:
                decided[undecided[0]] = (OTHER[next(iter(known.values()))], "OtherImage")
    views, rules = ([one[i] for one in decided] for i in (0, 1))
    return pa.array(views, pa.string()), pa.array(rules, pa.string())


def count_contradicted(headers: Mapping[str, pa.Array]) -> int:
    """Count the images whose ``ViewPosition``, which decides, is not the view that the code names.

    Args:
        headers: ``VIEW_COLUMNS``, (N,).
    """
    pairs = Counter(zip(*(headers[name].to_pylist() for name in VIEW_COLUMNS[:2]), strict=True))
    return sum(
        number
        for (position, code), number in pairs.items()
        if (view := VIEW_CODES.get(_words(code).lower()))
        and VIEW_POSITIONS.get(_words(position).upper(), view) != view
    )


def count_unknown_positions(headers: Mapping[str, pa.Array]) -> int:
    """Count the images whose ``ViewPosition`` says something that no rule knows."""
    positions = Counter(headers[VIEW_COLUMNS[0]].drop_null().to_pylist())
    return sum(n for name, n in positions.items() if _words(name).upper() not in VIEW_POSITIONS)


def _is_plain(position: str | None, decided: tuple[View, str]) -> bool:
    """Whether an image is known to be one of the two views that make a pair."""
    view, rule = decided
    plain = view == "lateral" or _words(position).upper() in PLAIN_FRONTAL
    return rule == "ViewCodeSequence" or (rule == "ViewPosition" and plain)


@cache
def procedures(step: str | None, code_text: str | None) -> frozenset[Procedure]:
    """Return what the two texts of a procedure say of its views; empty where they say nothing.

    Returns:
        ``single``: a frontal view, as every portable one without a lateral view is; ``two``: a
        frontal and a lateral view of the chest; ``other``: further views, or of another part.
    """
    found = {_procedure(_words(text).upper()) for text in (step, code_text)}
    return frozenset(said for said in found if said)


def _procedure(text: str) -> Procedure | None:
    many, lateral, two = (bool(form.search(text)) for form in (MANY, LATERAL, TWO))
    if SINGLE.search(text) and not (many or lateral or two):
        return "single"
    if many or FURTHER.search(text) or OTHER_PARTS.search(text):
        return "other"
    pair = (lateral and FRONTAL.search(text)) or (two and CHEST.search(text))
    return "two" if pair else None


def says_two_views(step: str | None, code_text: str | None) -> bool:
    """Whether a procedure is a frontal and a lateral view, and no text says something else."""
    return procedures(step, code_text) == {"two"}


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
    if procedures(step, code_text) == {"single"}:
        return "frontal", "ProcedureDescription"
    return "frontal", UNKNOWN_VIEW


def _words(text: str | None) -> str:
    return " ".join((text or "").replace("_", " ").split())
