"""Leakage as the audit found it: one sentence, and the chart of the scores with other texts."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from camchex.aggregates.results import Results
from camchex.report.charts import interval_chart
from camchex.report.render import percent, points

NO_LEAK = 0.99
"""True share of a simulated cohort from which on nothing is owed to seen words."""
SETS = {"labels": "learnt", "labels_of_mimic14_classes": "learnt, 14", "mimic14": "MIMIC-14"}
CHANGED = {
    "swapped": "another study's indication",
    "masked": "no words for findings",
    "vitals_swapped": "another's vital signs",
    "without_vitals": "no vital signs",
    "without_indication": "no indication",
    "without_text": "neither indication nor vital signs",
}


def leak_sentence(audit: Results) -> str:
    """Whether the labels lean on the words of the indication, in one sentence.

    Args:
        audit: Results of :func:`camchex.audit.audit.audit`.
    """
    leak = audit["leak"]
    if leak["found"] is None:
        return (
            "Whether the labels lean on the indication cannot be told: it hardly ever names a "
            "finding that MIMIC-CXR-JPG rules out."
        )
    found = leak["ruled_out"]
    chance, bounds = found["excess_shuffled"], found["excess_interval"]
    ends = f", {points(bounds[0])} to {points(bounds[1])} with other patients" if bounds else ""
    numbers = (
        f"where the indication names a finding that MIMIC-CXR-JPG rules out, the label is "
        f"positive in {percent(found['share_positive'])} of the cases, {points(found['excess'])} "
        f"more than where it is not named{ends} (with the indications of other patients: "
        f"{points(chance['mean'])} ± {100 * chance['sd']:.1f})"
    )
    if leak["found"]:
        return f"The labels lean on the indication: {numbers}. Part of a score can be owed to it."
    return f"No sign that the labels lean on the indication: {numbers}."


@dataclass(frozen=True)
class Simulated:
    """What the audit says of simulated cohorts whose leak is known.

    Attributes:
        rows: The audit's share beside the true one, by what is wrong with the cohort.
        accused: How many of the cohorts without a leak (False) and with one (True) there are, how
            many of them the headline accuses, and how many its whole range.
    """

    rows: Mapping[str, Results]
    accused: Mapping[bool, tuple[int, int, int]]


def simulated_cohorts(found: Results | None) -> Simulated | None:
    """Count when the audit accuses; None where it was not simulated.

    Args:
        found: What ``python -m ablations.audit_assumptions`` writes.
    """
    if found is None:
        return None
    rows = {
        **{f"{name} (labels and words drawn)": row for name, row in found["cohorts"].items()},
        **{f"{name} (generator)": row for name, row in found["generated"].items()},
    }
    accused = {}
    for leaking in (False, True):
        those = [row for row in rows.values() if (row["true_share"] < NO_LEAK) == leaking]
        told = [sum(bool(row[key]) for row in those) for key in ("accused", "accused_by_range")]
        accused[leaking] = (len(those), told[0], told[1])
    return Simulated(rows, accused)


def lost_chart(audit: Results) -> Markup:
    """AUROC lost with each change of the texts, against each set of labels; empty if none is."""
    changed = audit["texts"]["changed"] if audit["texts"] else {}
    rows = [
        (f"{label}, {SETS[key]}", lost["AUROC"], lost["AUROC_interval"])
        for name, label in CHANGED.items()
        for key, found in changed.items()
        if name in found and (lost := found[name]["lost"])["AUROC"] is not None
    ]
    title = "AUROC lost when this model reads"
    label = "AUROC lost, with intervals"
    return interval_chart(rows, title, label, reference=0) if rows else Markup()
