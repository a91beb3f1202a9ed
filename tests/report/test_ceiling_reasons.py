"""Why a finding is below its ceiling: each reason is a measured quantity beyond its limit."""

import pytest
from scipy.stats import spearmanr

from camchex.report.ceiling_reasons import (
    ELSEWHERE,
    FAINT,
    FEW,
    FINE,
    LACKING,
    ONE_VIEW,
    SMALL,
    Facts,
    Reason,
    below_the_ceiling,
    reasons,
)
from camchex.report.render import render

PLAIN = {
    "likeness": ELSEWHERE,
    "area": float(SMALL),
    "kept": FINE,
    "contrast": FAINT,
    "view_share": ONE_VIEW,
    "positives_without_view": 0.0,
}


def test_at_its_limit_nothing_is_a_reason() -> None:
    assert reasons(Facts(FEW, PLAIN, "lateral")) == []
    assert reasons(Facts(None, {}, None)) == []


@pytest.mark.parametrize(
    ("training", "sign", "said"),
    [
        (FEW - 1, {}, "few: 99 training studies"),
        (FEW, {"likeness": 0.1}, "never the same: likeness 0.10"),
        (FEW, {"area": 12.4}, "small: 12 pixels"),
        (FEW, {"kept": 0.5}, "fine: 50.0 % left"),
        (FEW, {"contrast": 0.25}, "faint: 0.2 deviations of bodies"),
        (
            FEW,
            {"view_share": 0.9, "positives_without_view": LACKING},
            "one view: 90.0 % in the lateral, which 25.0 % lack",
        ),
    ],
)
def test_beyond_its_limit_a_quantity_is_a_reason_and_is_said(
    training: int, sign: dict[str, float], said: str
) -> None:
    assert reasons(Facts(training, {**PLAIN, **sign}, "lateral")) == [
        Reason(said.partition(":")[0], said)
    ]


SHARES = [0.05, 0.1, 0.3, 0.6, 0.8, 0.9]
LIKENESS = [0.1, 0.05, 0.2, 0.5, 0.4, 0.9]
NAMES = [f"Finding {i}" for i in range(6)]


def row(share: float) -> dict[str, object]:
    return {"share": {"AP": share, "AUROC": share}}


def one(shares: list[float], far_below: list[str]) -> dict[str, object]:
    return {
        "bound": True,
        "chance": {"mAP": 0.1, "AUROC": 0.5},
        "ceiling": {"mAP": 0.9, "AUROC": 0.95},
        "ours": {"mAP": 0.3, "AUROC": 0.7},
        "share": {"mAP": 0.25, "AUROC": 0.44},
        "far_below": far_below,
        "per_class": {name: row(share) for name, share in zip(NAMES, shares, strict=True)},
    }


def test_the_table_names_the_findings_far_below_and_the_correlation_is_scipys() -> None:
    signs = {
        name: {**PLAIN, "likeness": like, "least": 80.0, "signs": 10, "view": "frontal"}
        for name, like in zip(NAMES, LIKENESS, strict=True)
    }
    ceiling = {
        "splits": {
            "test": {
                "sets": {
                    "images": one(SHARES, []),
                    "images+indication+vitals": one(SHARES, NAMES[:3]),
                }
            }
        },
        "sign_strength": {"size": 64, "findings": signs},
    }
    counts = {name: {"count": 200 if i else "<5"} for i, name in enumerate(NAMES)}
    found = below_the_ceiling(ceiling, {"splits": {"train": {"positive": counts}}})
    below = found["below"]
    assert [finding["name"] for finding in below] == NAMES[:3]
    assert [finding["name"] for finding in found["others"]] == NAMES[3:]
    assert [finding["share"] for finding in below] == SHARES[:3]
    assert [reason.said for reason in below[0]["reasons"]] == ["never the same: likeness 0.10"]
    assert found["counts"] == {"never the same": (3, 0)}
    expected = spearmanr(SHARES, LIKENESS)
    measured = {c.quantity: (c.rho, c.p) for c in found["correlations"]}
    assert measured == {"likeness of its signs": (expected.statistic, expected.pvalue)}
    assert (found["signs"], found["weakest"]) == (60, 80)
    page = {"ceiling": ceiling, "note": None, "why_not": None}
    assert "kind to a model" not in render("best_possible.html", **page, **found)
    whole = ceiling["splits"]["test"]["sets"]["images+indication+vitals"]
    whole["above"] = {NAMES[5]: 0.254}
    found = below_the_ceiling(ceiling, {"splits": {"train": {"positive": counts}}})
    assert f"{NAMES[5]} 25.4 %." in render("best_possible.html", **page, **found)


def test_a_small_count_of_training_studies_is_no_number() -> None:
    assert reasons(Facts(None, PLAIN, "frontal")) == []
