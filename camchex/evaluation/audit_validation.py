"""Does the audit find what is there? Its headline beside the truth that a synthetic cohort knows.

A cohort with ``label_leak`` is the cohort without it, with some absent findings labelled positive
where the indication names them. So the labels without the leak are known, and with them what the
model's gain by texts is worth. Both sets of labels are brought to one scale as in the audit: by
what the images alone are worth against either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from camchex.evaluation.audit_gain import CHANCE
from camchex.evaluation.charts import STYLE
from camchex.evaluation.label_sets import LabelSet
from camchex.evaluation.metrics import Floats
from camchex.evaluation.results import Results

LEAKS = (0.0, 0.25, 0.5, 1.0)
HEADLINE = "gain_not_owed_to_seen_words"


@dataclass(frozen=True)
class Audited:
    """What is known of one cohort.

    Attributes:
        headline: ``metrics/audit.json``.
        true_share: See :func:`true_share`.
    """

    headline: Results
    true_share: float


def true_share(
    learnt: LabelSet, clean: LabelSet, own: Sequence[Floats], images: Sequence[Floats]
) -> float:
    """The share of the gain by texts that is not owed to the leak.

    Args:
        learnt: The labels that the model learnt.
        clean: The same without the leak.
        own: Probabilities of the studies as they are, by seed, (N, Q).
        images: The same without texts.

    Returns:
        f * (gain against ``clean``) / (gain against ``learnt``), as macro AUROC, the seeds
        averaged; f is what the images are worth against ``learnt``, by what they are against
        ``clean``. 1 where the two are the same.
    """
    with_texts, alone = _auroc(learnt, own), _auroc(learnt, images)
    honest, honest_alone = _auroc(clean, own), _auroc(clean, images)
    factor = (alone - CHANCE) / (honest_alone - CHANCE)
    return factor * (honest - honest_alone) / (with_texts - alone)


def validation(cohorts: Mapping[float, Audited]) -> Results:
    """Headline and truth, by leak.

    Returns:
        ``cohorts``: of each its ``label_leak``, ``true_share``, the audit's ``share``, ``low``
        and ``high`` (None: no gain to speak of), ``accused`` (the interval does not reach 1) and
        ``within`` (it holds the truth). ``mean_error`` of the share, absolute.
    """
    rows = [_row(leak, audited) for leak, audited in cohorts.items()]
    errors = [abs(r["share"] - r["true_share"]) for r in rows if r["share"] is not None]
    return {
        "data": "synthetic",
        "cohorts": rows,
        "mean_error": float(np.mean(errors)) if errors else None,
    }


def validation_text(found: Results) -> str:
    """The same as Markdown."""
    lines = [
        "Synthetic data. Share: of the gain by texts, not owed to words that the labels have seen.",
        "",
        "| `label_leak` | true share | the audit's | interval | holds the truth | accused |",
        f"|{' --- |' * 6}",
    ]
    for row in found["cohorts"]:
        audited = [_number(row[key]) for key in ("share", "low", "high")]
        lines.append(
            f"| {row['label_leak']:g} | {row['true_share']:.2f} | {audited[0]} "
            f"| {audited[1]} to {audited[2]} | {_word(row['within'])} | {_word(row['accused'])} |"
        )
    return "\n".join([*lines, ""])


def validation_figure(found: Results, path: Path) -> None:
    """Draw headline and truth over the leak, as SVG; equal results give equal bytes."""
    rows = [row for row in found["cohorts"] if row["share"] is not None]
    leaks, shares = ([row[key] for row in rows] for key in ("label_leak", "share"))
    down = [row["share"] - row["low"] for row in rows]
    up = [row["high"] - row["share"] for row in rows]
    every = found["cohorts"]
    with mpl.rc_context({**STYLE, "svg.hashsalt": "audit"}):
        figure = Figure(figsize=(5.0, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(
            [row["label_leak"] for row in every],
            [row["true_share"] for row in every],
            marker="s",
            label="truth",
        )
        axes.errorbar(leaks, shares, yerr=[down, up], marker="o", capsize=3, label="audit, 95 %")
        axes.set(xlabel="label_leak of the synthetic cohort", ylabel="share of the gain")
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _auroc(labels: LabelSet, seeds: Sequence[Floats]) -> float:
    return float(np.mean([_known(labels.macro(scores).auroc) for scores in seeds]))


def _known(score: float | None) -> float:
    return np.nan if score is None else score


def _row(leak: float, audited: Audited) -> Results:
    share, low, high = (audited.headline[HEADLINE][key] for key in ("share", "low", "high"))
    known = low is not None and high is not None
    return {
        "label_leak": leak,
        "true_share": audited.true_share,
        "share": share,
        "low": low,
        "high": high,
        "accused": high < 1 if known else None,
        "within": low <= audited.true_share <= high if known else None,
    }


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _word(value: bool | None) -> str:  # noqa: FBT001 - it is what is worded
    return "unknown" if value is None else ("yes" if value else "no")
