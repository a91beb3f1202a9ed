"""The first screen: each answer follows from its numbers, whoever measured them."""

from typing import Any

import pytest

from camchex.report.facts.answers import CALIBRATED, Answer, added_by_inputs, answers
from camchex.report.other_results import OtherResults
from camchex.report.render import render

NOTHING = OtherResults({}, {}, {})
ERRORS = {"ECE": {"mean": 0.3}, "ECE_scaled": {"mean": 0.14}, "Brier_scaled": {"mean": 0.1}}


def audit(share: float | None, ends: list[float] | None) -> dict[str, Any]:
    surviving = {"gain": 0.06, "share": share, "share_interval": ends}
    spread = {"lowest": share, "highest": None if share is None else share + 0.05}
    return {"texts": {"surviving": surviving, "meanings": {"range": spread}}}


def ask(
    found: dict[str, Any] | None = None,
    errors: dict[str, Any] | None = None,
    others: OtherResults = NOTHING,
) -> list[Answer]:
    return answers(found or {"texts": None}, errors or ERRORS, others, invented=True)


@pytest.mark.parametrize(
    ("share", "ends", "said"),
    [
        (0.85, [0.7, 0.97], "15 % of the gain comes from words that the labels were made of; "),
        (0.85, [0.7, 0.97], "; it could be 3 % to 30 %. "),
        (1.1, [0.9, 1.3], "0 % of the gain comes from words that the labels were made of; "),
        (1.1, [0.9, 1.3], "; it could be 0 % to 10 %. "),
        (-0.2, [-0.5, 0.4], "; it could be 60 % to 100 %. "),
        (
            0.85,
            None,
            "made of. It is 10 % to 15 % by what blank and uncertain labels of MIMIC-CXR-JPG "
            "count as. The gain is what indication and vital signs add to the AUROC: +0.06",
        ),
    ],
)
def test_the_audit_is_one_sentence_with_its_range(
    share: float, ends: list[float] | None, said: str
) -> None:
    assert said in ask(audit(share, ends))[0].said


def test_a_gain_that_is_no_gain_has_no_share() -> None:
    assert ask(audit(None, None))[0].verdict == "cannot be told"
    assert ask()[0].verdict == "not measured"


@pytest.mark.parametrize(
    ("error", "brier", "chance", "verdict"),
    [
        (CALIBRATED, 0.05, 0.09, "calibrated"),
        (CALIBRATED + 0.001, 0.05, 0.09, "not calibrated"),
        (0.01, 0.09, 0.09, "not calibrated"),  # no better than always saying the prevalence
        (None, None, None, "not known"),
    ],
)
def test_calibrated_is_a_small_error_and_better_than_the_prevalence(
    error: float | None, brier: float | None, chance: float | None, verdict: str
) -> None:
    means = {"ECE": 0.2, "ECE_calibrated": error, "Brier_calibrated": brier, "Brier_chance": chance}
    errors = ERRORS | {name: {"mean": value} for name, value in means.items()}
    assert ask(errors=errors)[1].verdict == verdict


def test_without_a_line_for_each_class_the_temperature_is_what_counts() -> None:
    found = ask()[1]
    assert found.verdict == "not calibrated"
    assert "once scaled 0.140, as predicted 0.300" in found.said


def test_the_share_of_the_ceiling_is_told_where_one_is_known() -> None:
    whole = {
        "share": {"mAP": 0.62, "AUROC": 0.8},
        "ceiling": {"mAP": 0.9, "AUROC": 0.97},
        "bound": True,
    }
    ceiling = {"splits": {"test": {"sets": {"images+indication+vitals": whole}}}}
    found = ask(others=OtherResults({"ceiling": ceiling}, {}, {}))[2]
    assert found.verdict == "62.0 % of the way"
    assert "best possible mAP (0.900, of which only an upper bound is known)" in found.said
    assert ask()[2].verdict == "not known"
    real = answers({"texts": None}, ERRORS, NOTHING, invented=False)[2]
    assert "real patients" in real.said


def test_each_step_is_the_one_from_the_row_above() -> None:
    def step(before: str, after: str, gain: float) -> dict[str, Any]:
        found = {"mean": gain, "sd": 0.01, "clear": gain > 0.02}
        return {"from": before, "to": after, "mAP": found, "AUROC": found}

    alone = {"mAP": {"mean": 0.5, "sd": 0.0}, "AUROC": {"mean": 0.8, "sd": 0.0}}
    steps = [
        step("vs_only", "ci_only", 0.9),
        step("mv_ci", "camchex", 0.01),
        step("multi_view", "mv_ci", 0.07),
    ]
    table = {"rows": {"multi_view": alone}, "steps": steps}
    added = added_by_inputs(OtherResults({"table3": table}, {}, {}))
    assert [(label, found["mAP"]["mean"]) for label, found in added] == [
        ("images alone", 0.5),
        ("+ the indication", 0.07),
        ("+ vital signs", 0.01),
    ]
    assert added_by_inputs(NOTHING) == []
    text = render("first_screen.html", added=added, note=None, why_not="", answers=[])
    clear, not_clear = (row for row in text.split("<tr>") if '"row">+' in row)
    assert "not clear" not in clear
    assert not_clear.count("(not clear)") == len(("mAP", "AUROC"))
