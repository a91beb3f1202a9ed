"""The first screen: what each input adds, and how far a score can be believed, in a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass

from camchex.aggregates.results import Results
from camchex.report.other_results import CEILING, SCORES, WHOLE, OtherResults
from camchex.report.render import number, percent

TABLE = "table3"
LADDER = (("multi_view", "mv_ci", "the indication"), ("mv_ci", "camchex", "vital signs"))
"""From the images alone to this model: the rows of Table 3 before and after, and what is added."""
AFTER = ("calibrated", "scaled")
"""How the names of errors end that are measured after calibration, the better method first."""
CALIBRATED = 0.05
"""Largest mean distance of a probability from the share that has the finding (ECE), to be called
calibrated: below it a reader who trusts the probability is wrong about one study in 20 at most."""


@dataclass(frozen=True)
class Answer:
    """One question of the first screen.

    Attributes:
        question: What is asked.
        verdict: The answer in a few words.
        said: The answer in a sentence, with its numbers.
        anchor: Section of the page that shows how it was found.
    """

    question: str
    verdict: str
    said: str
    anchor: str


def added_by_inputs(others: OtherResults) -> list[tuple[str, Results]]:
    """Scores of the images alone, and what the indication and then vital signs add to them.

    Returns:
        What is added, and by score its ``mean``, ``sd`` over seeds and whether it is ``clear``;
        none where Table 3 was not measured.
    """
    table = others.found.get(TABLE)
    if not table or LADDER[0][0] not in table["rows"]:
        return []
    steps = {(step["from"], step["to"]): step for step in table.get("steps", ())}
    alone = table["rows"][LADDER[0][0]]
    found: list[tuple[str, Results]] = [("images alone", {score: alone[score] for score in SCORES})]
    for before, after, label in LADDER:
        if (before, after) in steps:
            step = steps[before, after]
            found.append((f"+ {label}", {score: step[score] for score in SCORES}))
    return found


def answers(
    audit: Results, calibration: Results, others: OtherResults, *, invented: bool
) -> list[Answer]:
    """Whether a score can be believed: the audit, the probabilities, and the best possible score.

    Args:
        audit: Results of :func:`camchex.audit.audit.audit`.
        calibration: Calibration errors over all seeds, each with its ``mean``.
        others: Results of other pipelines.
        invented: Whether the cohort's generator, and so the best possible score, is known.
    """
    return [
        _audited(audit),
        _calibrated(calibration),
        _share_of_ceiling(others.found.get(CEILING), invented=invented),
    ]


def _audited(audit: Results) -> Answer:
    """The share of what texts add that is owed to words which the labels have seen."""
    question = "Does the indication give the answer away?"
    anchor = "what-the-score-owes-to-the-indication"
    if not audit["texts"]:
        said = "No study was predicted with other texts, so the share is not known."
        return Answer(question, "not measured", said, anchor)
    found = audit["texts"]["surviving"]
    gain = number(found["gain"], signed=True)
    if found["share"] is None:
        said = (
            f"Texts add {gain} AUROC, which is not above what other patients would change: "
            "the share of it that is owed to words that the labels were made of is not known."
        )
        return Answer(question, "cannot be told", said, anchor)
    owed = _owed(found["share"])
    ends = found.get("share_interval")
    could = f"; it could be {_owed(ends[1])} to {_owed(ends[0])}" if ends else ""
    spread = audit["texts"]["meanings"]["range"]
    said = (
        f"{owed} of the gain comes from words that the labels were made of{could}. "
        f"It is {_owed(spread['highest'])} to {_owed(spread['lowest'])} by what blank and "
        "uncertain labels of MIMIC-CXR-JPG count as. "
        f"The gain is what indication and vital signs add to the AUROC: {gain}."
    )
    return Answer(question, f"{owed} of the gain", said, anchor)


def _owed(surviving: float) -> str:
    """The rest of a share that is not owed to words, which a resample may put outside 0 to 1."""
    return f"{100 * min(max(1 - surviving, 0.0), 1.0):.0f} %"


def _calibrated(calibration: Results) -> Answer:
    """Whether a probability is the share of studies that have the finding."""
    question, anchor = "Is a probability of 20 % right in one study of five?", "calibration"
    after = next((end for end in AFTER if f"ECE_{end}" in calibration), None)
    error = calibration[f"ECE_{after}"]["mean"] if after else None
    if error is None:
        said = "No finding has enough studies for a calibration error."
        return Answer(question, "not known", said, anchor)
    brier = calibration[f"Brier_{after}"]["mean"]
    chance = calibration.get("Brier_chance", {}).get("mean")
    useless = None not in (brier, chance) and brier >= chance
    verdict = "calibrated" if error <= CALIBRATED and not useless else "not calibrated"
    said = (
        f"Calibration error once {after} {number(error)}, as predicted "
        f"{number(calibration['ECE']['mean'])}: the mean distance of a probability from the share "
        f"of studies that have the finding. {number(CALIBRATED)} or less is called calibrated here"
    )
    if chance is not None:
        said += (
            f", if the Brier score ({number(brier)}) is also below that of always saying how "
            f"frequent the finding is ({number(chance)})"
        )
    return Answer(question, verdict, f"{said}.", anchor)


def _share_of_ceiling(ceiling: Results | None, *, invented: bool) -> Answer:
    """How much of the way from chance to the best possible score this model goes."""
    question, anchor = "How far is it from the best possible?", "the-best-possible-score"
    if not ceiling:
        said = (
            "The best possible score was not measured of these patients."
            if invented
            else "Nobody knows the best possible score of real patients."
        )
        return Answer(question, "not known", said, anchor if invented else "beside-the-paper")
    whole: Mapping[str, Results] = ceiling["splits"]["test"]["sets"][WHOLE]
    share = whole["share"]
    bound = ", of which only an upper bound is known" if whole.get("bound") else ""
    said = (
        f"{percent(share['mAP'])} of the way from chance to the best possible mAP "
        f"({number(whole['ceiling']['mAP'])}{bound}), and {percent(share['AUROC'])} of that of "
        "AUROC."
    )
    return Answer(question, f"{percent(share['mAP'])} of the way", said, anchor)
