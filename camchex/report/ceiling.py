"""The report's section on the ceiling: how much of the best possible is reached, and why not more.

The reasons are not written but found: each is a quantity that was measured, beside the value from
which it counts as one; and how far each quantity goes along with the share over all findings is
given as a rank correlation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from camchex.aggregates.results import Results
from camchex.report.markup import bar, details, number, paragraph, percent, table, text
from camchex.report.other_results import WHOLE
from camchex.scores.ceiling import FAR_BELOW

SETS = {
    "indication": "indication",
    "vitals": "vital signs",
    "indication+vitals": "indication and vital signs",
    "images": "images",
    WHOLE: "all three: this model",
}
FEW = 100  # training studies with the finding
SMALL = 50  # pixels
FINE = 0.8  # of d' squared left at the model's pixels
FAINT = 1.0  # standard deviations of bodies
ELSEWHERE = 0.25  # mean cosine
ONE_VIEW, LACKING = 0.6, 0.25  # of d' squared in one view, and of the positives without it
FEWEST = 5  # findings, for a rank correlation
EXPLAINED = (
    "The cohort's generator is known, so the best possible score is too: exact for indication and "
    "vital signs, and for images an upper bound, of an observer who is told which signs were "
    "drawn. Share: (this model - chance) / (best possible - chance)."
)
REASONS = (
    f"What each reason means. <b>Few</b>: fewer than {FEW} training studies have it. <b>Never the "
    "same</b>: drawn onto one another at the model's size, two of its signs have a mean cosine "
    f"(likeness) below {ELSEWHERE}: another place, side or shape each time. <b>Small</b>: it "
    f"covers fewer than {SMALL} of the image's pixels. <b>Fine</b>: less than {100 * FINE:g} % "
    "of its contrast to noise is left at the model's pixels. <b>Faint</b>: it changes the image by "
    f"less than bodies differ at its place. <b>One view</b>: at least {100 * ONE_VIEW:g}&nbsp;% of "
    f"it is in a view that at least {100 * LACKING:g}&nbsp;% of the positives lack."
)


@dataclass(frozen=True)
class Facts:
    """What was measured of one finding; None where it was not.

    Attributes:
        training: Training studies that have it.
        sign: Row of ``sign_strength`` in ``metrics/ceiling.json``.
    """

    training: int | None
    sign: Mapping[str, float | None]
    view: str | None


def ceiling_section(ceiling: Results, cohort: Results) -> str:
    """Shares by set of modalities; then each finding that is far below, with the reasons.

    Args:
        ceiling: ``metrics/ceiling.json``.
        cohort: Counts of the cohort, for the training studies with each finding.
    """
    sets = ceiling["splits"]["test"]["sets"]
    rows = [_set(SETS.get(name, name), one) for name, one in sets.items()]
    header = ["inputs", "chance mAP", "best possible mAP", "ours", "share of mAP", "share of AUROC"]
    whole, images = sets[WHOLE]["per_class"], sets["images"]["per_class"]
    facts = {name: _facts(name, ceiling, cohort) for name in whole}
    below = sets[WHOLE]["far_below"]
    caption = (
        f"Findings of which less than {100 * FAR_BELOW:g}&nbsp;% of the best possible is reached, "
        "lowest first: the share of the best AP with all inputs, that of images alone, and "
        f"measured reasons (images of {text(ceiling['sign_strength']['size'])} pixels)."
    )
    others = _why([name for name in whole if name not in below], whole, images, facts, "")
    return (
        paragraph(EXPLAINED)
        + table(header, rows)
        + paragraph(_counted(below, whole, facts))
        + _why(below, whole, images, facts, caption)
        + paragraph(f"{REASONS} {_noise(ceiling)}")
        + paragraph(_together(images, facts))
        + details("The other findings", others)
    )


def reasons(facts: Facts) -> list[str]:
    """Why a finding may be learnt badly, each with what was measured."""
    sign, found = facts.sign, []
    if facts.training is not None and facts.training < FEW:
        found.append(f"few: {facts.training} training studies")
    if _below(sign.get("likeness"), ELSEWHERE):
        found.append(f"never the same: likeness {sign['likeness']:.2f}")
    if _below(sign.get("area"), SMALL):
        found.append(f"small: {sign['area']:.0f} pixels")
    if _below(sign.get("kept"), FINE):
        found.append(f"fine: {percent(sign['kept'])} left")
    if _below(sign.get("contrast"), FAINT):
        found.append(f"faint: {sign['contrast']:.1f} deviations of bodies")
    share, lacking = sign.get("view_share"), sign.get("positives_without_view")
    if share is not None and lacking is not None and share >= ONE_VIEW and lacking >= LACKING:
        found.append(
            f"one view: {percent(share)} in the {facts.view}, which {percent(lacking)} lack"
        )
    return found


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _facts(name: str, ceiling: Results, cohort: Results) -> Facts:
    row = ceiling["sign_strength"]["findings"].get(name, {})
    numbers = {key: value for key, value in row.items() if not isinstance(value, str)}
    count = cohort["splits"]["train"]["positive"].get(name, {}).get("count")
    return Facts(count if isinstance(count, int) else None, numbers, row.get("view"))


def _set(label: str, one: Results) -> list[str]:
    ours, share = one["ours"], one["share"]
    note = "<br><small>upper bound</small>" if one["bound"] else ""
    return [
        text(label),
        number(one["chance"]["mAP"]),
        f"{number(one['ceiling']['mAP'])}{note}",
        number(ours and ours["mAP"]) if ours else "not trained",
        bar(max(share["mAP"], 0), None, percent(share["mAP"])) if share else text(None),
        percent(share["AUROC"]) if share else text(None),
    ]


def _why(
    names: Sequence[str], whole: Results, images: Results, facts: Mapping[str, Facts], caption: str
) -> str:
    rows = [
        [
            text(name),
            _share(whole[name]),
            _share(images[name]),
            "; ".join(text(reason) for reason in reasons(facts[name])) or "none of these",
        ]
        for name in names
    ]
    header = ["finding", "share of the best AP", "images alone", "measured reasons"]
    return f'<div class="wrap">{table(header, rows, caption)}</div>'


def _share(row: Results) -> str:
    return percent(row["share"]["AP"]) if row["share"] else text(None)


def _counted(below: Sequence[str], whole: Results, facts: Mapping[str, Facts]) -> str:
    """How many of those far below have each reason, beside the others."""
    others = [name for name in whole if name not in below]
    kinds = ("few", "never the same", "small", "fine", "faint", "one view")
    counts = []
    for kind in kinds:
        low, high = (
            sum(any(r.startswith(kind) for r in reasons(facts[name])) for name in names)
            for names in (below, others)
        )
        if low or high:
            counts.append(f"{kind} {low} ({high})")
    return text(
        f"{len(below)} of {len(whole)} findings are far below. Of these, and in brackets of the "
        f"{len(others)} others, so many have each reason: {', '.join(counts)}."
    )


def _noise(ceiling: Results) -> str:
    """Whether noise could be a reason too: the weakest sign, to who knows where to look."""
    rows = ceiling["sign_strength"]["findings"].values()
    least = [row["least"] for row in rows if row["least"] is not None]
    if not least:
        return ""
    return (
        "Noise: to an observer who knows body, pose and place, the weakest of "
        f"{text(sum(row['signs'] for row in rows))} signs measured stands out by "
        f"{min(least):.0f} standard deviations (d')."
    )


def _together(images: Results, facts: Mapping[str, Facts]) -> str:
    """Rank correlation of the share that images alone reach with each quantity."""
    quantities: Mapping[str, Callable[[Facts], float | None]] = {
        "likeness of its signs": lambda f: f.sign.get("likeness"),
        "pixels that it covers": lambda f: f.sign.get("area"),
        "what averaging leaves of it": lambda f: f.sign.get("kept"),
        "training studies": lambda f: f.training,
        "contrast to bodies": lambda f: f.sign.get("contrast"),
    }
    said = []
    for label, of in quantities.items():
        pairs = [
            (row["share"]["AP"], of(facts[name]))
            for name, row in images.items()
            if row["share"] and row["share"]["AP"] is not None and of(facts[name]) is not None
        ]
        shares, values = np.array(pairs, dtype=float).reshape(-1, 2).T
        if len(pairs) >= FEWEST and np.ptp(shares) and np.ptp(values):  # else there is no rank
            found = spearmanr(shares, values)
            said.append((float(found.statistic), float(found.pvalue), len(pairs), label))
    if not said:
        return ""
    listed = ", ".join(
        f"{label} {rho:+.2f} (p {p:.3f})"
        for rho, p, _, label in sorted(said, key=lambda row: -abs(row[0]))
    )
    return (
        "How far each goes along with the share that images alone reach (rank correlation over "
        f"{said[0][2]} findings; p of each alone): {text(listed)}."
    )
