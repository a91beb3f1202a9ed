"""Does the audit find what is there? Its headline beside the truth that a synthetic cohort knows.

A cohort with ``label_leak`` is the cohort without it, with some absent findings labelled positive
where the indication names them. So the labels without the leak are known. The audit has to make do
with MIMIC-CXR-JPG's in their place; the truth is the same formula with the labels themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from camchex.aggregates.results import Results
from camchex.audit.gain import CHANCE
from camchex.report.charts import STYLE
from camchex.scores.labelled_split import LabelSet
from camchex.scores.metrics import Floats

LEAKS = (0.0, 0.25, 0.5, 1.0)
HEADLINE = "gain_not_owed_to_seen_words"


@dataclass(frozen=True)
class Truth:
    """What of the gain by texts is not owed to the leak, as shares of it; 1: all of it.

    Attributes:
        words: Less what masking the words for findings costs against the labels learnt beyond what
            it costs against those without the leak: what the headline estimates.
        gain: The gain against the labels without the leak. Leaked labels also hide some of what
            texts tell, so it can be above 1.
    """

    words: float
    gain: float


@dataclass(frozen=True)
class Audited:
    """What is known of one cohort.

    Attributes:
        headline: ``metrics/audit.json``.
        truth: See :func:`true_shares`.
    """

    headline: Results
    truth: Truth


@dataclass(frozen=True)
class Given:
    """Probabilities of the test studies, by seed, each (N, Q).

    Attributes:
        own: Of the studies as they are.
        masked: Without the words for findings.
        images: Without texts.
    """

    own: Sequence[Floats]
    masked: Sequence[Floats]
    images: Sequence[Floats]


def true_shares(learnt: LabelSet, clean: LabelSet, given: Given) -> Truth:
    """The shares of the gain by texts that are not owed to the leak, as macro AUROC.

    What holds against the clean labels is brought to the scale of those learnt by what the images
    alone are worth against either, as the audit does.

    Args:
        learnt: The labels that the model learnt.
        clean: The same without the leak.
        given: What the model predicts.
    """
    own, masked, images = (_auroc(learnt, p) for p in (given.own, given.masked, given.images))
    honest, honest_masked, honest_images = (
        _auroc(clean, p) for p in (given.own, given.masked, given.images)
    )
    scale = (images - CHANCE) / (honest_images - CHANCE)
    owed = (own - masked) - scale * (honest - honest_masked)
    gain = own - images
    return Truth(words=1 - owed / gain, gain=scale * (honest - honest_images) / gain)


def validation(cohorts: Mapping[float, Audited]) -> Results:
    """Headline and truth, by leak.

    Returns:
        ``cohorts``: of each its ``label_leak``, ``true_share`` (of words) and ``true_gain``, the
        audit's ``share``, ``low`` and ``high`` (None: no gain to speak of), ``accused`` (the
        interval does not reach 1) and ``within`` (it holds the true share). ``mean_error`` of the
        share, absolute.
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
        "Synthetic data. Share: of the gain by texts, not owed to words that the labels have seen; "
        "last, the gain against the labels without the leak, as a share of the same.",
        "",
        "| `label_leak` | true share | the audit's | interval | holds the truth | accused "
        "| gain without the leak |",
        f"|{' --- |' * 7}",
    ]
    for row in found["cohorts"]:
        audited = [_number(row[key]) for key in ("share", "low", "high")]
        lines.append(
            f"| {row['label_leak']:g} | {row['true_share']:.2f} | {audited[0]} "
            f"| {audited[1]} to {audited[2]} | {_word(row['within'])} | {_word(row['accused'])} "
            f"| {row['true_gain']:.2f} |"
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
        "true_share": audited.truth.words,
        "true_gain": audited.truth.gain,
        "share": share,
        "low": low,
        "high": high,
        "accused": high < 1 if known else None,
        "within": low <= audited.truth.words <= high if known else None,
    }


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def _word(value: bool | None) -> str:  # noqa: FBT001 - it is what is worded
    return "unknown" if value is None else ("yes" if value else "no")
