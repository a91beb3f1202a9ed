"""Why a finding is below its ceiling: each reason is a quantity that was measured.

A reason holds where a quantity is beyond its limit. How far each quantity goes along with the share
of the best score, over all findings, is given as a rank correlation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from camchex.aggregates.results import Results
from camchex.report.other_results import WHOLE
from camchex.report.render import percent
from camchex.scores.ceiling import FAR_BELOW

FEW = 100  # training studies with the finding
SMALL = 50  # pixels
FINE = 0.8  # of d' squared left at the model's pixels
FAINT = 1.0  # standard deviations of bodies
ELSEWHERE = 0.25  # mean cosine
ONE_VIEW, LACKING = 0.6, 0.25  # of d' squared in one view, and of the positives without it
FEWEST = 5  # findings, for a rank correlation
LIMITS = {
    "FEW": FEW,
    "SMALL": SMALL,
    "FINE": FINE,
    "FAINT": FAINT,
    "ELSEWHERE": ELSEWHERE,
    "ONE_VIEW": ONE_VIEW,
    "LACKING": LACKING,
}


@dataclass(frozen=True)
class Facts:
    """Quantities measured of one finding; None where one was not.

    Attributes:
        training: Training studies that have the finding.
        sign: Row of ``sign_strength`` of the ceiling's results, numbers only.
        view: View that shows most of the finding.
    """

    training: int | None
    sign: Mapping[str, float | None]
    view: str | None


@dataclass(frozen=True)
class Reason:
    """One reason why a finding may be learnt badly.

    Attributes:
        kind: Name of the reason, as the page explains it.
        said: Name and measured value.
    """

    kind: str
    said: str


@dataclass(frozen=True)
class Correlation:
    """Rank correlation of a quantity with the share of the best score.

    Attributes:
        quantity: Name of the quantity.
        rho: Spearman's coefficient.
        p: P value of the correlation.
        findings: Number of findings.
    """

    quantity: str
    rho: float
    p: float
    findings: int


QUANTITIES: Mapping[str, Callable[[Facts], float | None]] = {
    "likeness of its signs": lambda facts: facts.sign.get("likeness"),
    "pixels that it covers": lambda facts: facts.sign.get("area"),
    "what averaging leaves of it": lambda facts: facts.sign.get("kept"),
    "training studies": lambda facts: facts.training,
    "contrast to bodies": lambda facts: facts.sign.get("contrast"),
}


def reasons(facts: Facts) -> list[Reason]:
    """Why a finding may be learnt badly, each with what was measured."""
    sign = facts.sign
    share, lacking = sign.get("view_share"), sign.get("positives_without_view")
    one_view = (
        share is not None and lacking is not None and share >= ONE_VIEW and lacking >= LACKING
    )
    tests: list[tuple[str, float | None, float, Callable[[float], str]]] = [
        ("few", facts.training, FEW, lambda v: f"{v} training studies"),
        ("never the same", sign.get("likeness"), ELSEWHERE, lambda v: f"likeness {v:.2f}"),
        ("small", sign.get("area"), SMALL, lambda v: f"{v:.0f} pixels"),
        ("fine", sign.get("kept"), FINE, lambda v: f"{percent(v)} left"),
        ("faint", sign.get("contrast"), FAINT, lambda v: f"{v:.1f} deviations of bodies"),
    ]
    found = [
        Reason(kind, f"{kind}: {say(value)}")
        for kind, value, limit, say in tests
        if value is not None and value < limit
    ]
    if one_view:
        lack = f"{percent(share)} in the {facts.view}, which {percent(lacking)} lack"
        found.append(Reason("one view", f"one view: {lack}"))
    return found


def below_the_ceiling(ceiling: Results, cohort: Results) -> dict[str, object]:
    """Findings far below their ceiling, those that are not, and what was measured of both.

    Args:
        ceiling: Results of the ceiling.
        cohort: Counts of the cohort, for the training studies with each finding.

    Returns:
        ``below`` and ``others`` (name, shares and reasons of each finding), ``counts`` (how many
        of both have each reason), ``correlations`` with the share that images alone reach, and
        the ``weakest`` of the ``signs`` measured, in standard deviations; ``above``: findings above
        the ceiling, with how often chance alone would bring them there.
    """
    sets, rows = ceiling["splits"]["test"]["sets"], ceiling["sign_strength"]["findings"]
    whole, images = sets[WHOLE]["per_class"], sets["images"]["per_class"]
    facts = {name: _facts(name, rows.get(name, {}), cohort) for name in whole}
    why = {name: reasons(found) for name, found in facts.items()}
    below = sets[WHOLE]["far_below"]
    others = [name for name in whole if name not in below]
    kinds = {
        kind: tuple(
            sum(any(r.kind == kind for r in why[name]) for name in names)
            for names in (below, others)
        )
        for kind in ("few", "never the same", "small", "fine", "faint", "one view")
    }
    least = [row["least"] for row in rows.values() if row["least"] is not None]

    def described(name: str) -> dict[str, object]:
        shares = [found[name]["share"] and found[name]["share"]["AP"] for found in (whole, images)]
        return {
            "name": name,
            "share": shares[0],
            "images_share": shares[1],
            "reasons": why[name],
        }

    return {
        "below": [described(name) for name in below],
        "others": [described(name) for name in others],
        "counts": {kind: found for kind, found in kinds.items() if any(found)},
        "correlations": _correlations(images, facts),
        "weakest": min(least, default=None),
        "signs": sum(row["signs"] for row in rows.values()),
        "limits": LIMITS,
        "far_below": FAR_BELOW,
        "above": sets[WHOLE].get("above", {}),  # results of older versions have none
    }


def _facts(name: str, row: Results, cohort: Results) -> Facts:
    numbers = {key: value for key, value in row.items() if not isinstance(value, str)}
    count = cohort["splits"]["train"]["positive"].get(name, {}).get("count")
    return Facts(count if isinstance(count, int) else None, numbers, row.get("view"))


def _correlations(images: Results, facts: Mapping[str, Facts]) -> list[Correlation]:
    """Rank correlation of the share that images alone reach with each quantity, largest first."""
    found = []
    for name, quantity in QUANTITIES.items():
        pairs = [
            (row["share"]["AP"], quantity(facts[finding]))
            for finding, row in images.items()
            if row["share"] and None not in (row["share"]["AP"], quantity(facts[finding]))
        ]
        shares, values = np.array(pairs, dtype=float).reshape(-1, 2).T
        if len(pairs) >= FEWEST and np.ptp(shares) and np.ptp(values):  # else there is no rank
            rank = spearmanr(shares, values)
            found.append(Correlation(name, float(rank.statistic), float(rank.pvalue), len(pairs)))
    return sorted(found, key=lambda row: -abs(row.rho))
