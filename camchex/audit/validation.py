"""Validation of the audit: its share beside the truth that a synthetic cohort knows.

A cohort with ``label_leak`` is the cohort without it, with some absent findings labelled positive
where the indication names them. So the labels without the leak are known. The audit has to make do
with MIMIC-CXR-JPG's in their place; the truth is the same formula with the labels themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results
from camchex.audit.gain import CHANCE
from camchex.report.charts import STYLE
from camchex.scores.labelled_split import LabelSet
from camchex.scores.metrics import Floats

LEAKS = (0.0, 0.25, 0.5, 1.0)
SHARE = "gain_not_owed_to_seen_words"
WORD = {None: "unknown", True: "yes", False: "no"}
EXPLAINED = (
    "Synthetic data. Share: of the gain by texts, not owed to words that the labels have seen; "
    "last, the gain against the labels without the leak, as a share of the same."
)
Seeds = Sequence[Floats]
COLUMNS = (
    *("`label_leak`", "true share", "the audit's", "interval", "holds the truth", "accused"),
    "gain without the leak",
)


@dataclass(frozen=True)
class Truth:
    """Shares of the gain by texts that are not owed to the leak; 1: all of it.

    Attributes:
        words: The share that the audit estimates: gain less what masking the words for findings
            costs against the labels learnt beyond its cost against those without the leak.
        gain: Gain against the labels without the leak. Leaked labels also hide some of what texts
            tell, so it can be above 1.
    """

    words: float
    gain: float


def true_shares(
    learnt: LabelSet, clean: LabelSet, own: Seeds, masked: Seeds, images: Seeds
) -> Truth:
    """The shares of the gain by texts that are not owed to the leak, as macro AUROC.

    Scores against the clean labels (without the leak) are brought to the scale of the labels
    learnt, by the score of the images alone against either, as the audit does. Probabilities of
    each seed, (N, Q), are of the studies as they are (``own``), without the words for findings
    (``masked``) and without texts (``images``).
    """
    (seen, seen_masked, seen_images), (honest, honest_masked, honest_images) = (
        [
            np.mean(np.array([labels.macro(scores).auroc for scores in seeds], np.float64))
            for seeds in (own, masked, images)
        ]
        for labels in (learnt, clean)
    )
    scale = (seen_images - CHANCE) / (honest_images - CHANCE)
    owed = (seen - seen_masked) - scale * (honest - honest_masked)
    gain = seen - seen_images
    return Truth(float(1 - owed / gain), float(scale * (honest - honest_images) / gain))


def validation(cohorts: Mapping[float, tuple[Results, Truth]]) -> Results:
    """Share of the audit, from what ``metrics/audit.json`` holds, beside the truth, by leak.

    Returns:
        ``cohorts``: for each its ``label_leak``, ``true_share`` (of words) and ``true_gain``, the
        audit's ``share``, ``low`` and ``high`` (None: no gain to speak of), ``accused`` (the
        interval does not reach 1) and ``within`` (it holds the true share). ``mean_error``: mean
        absolute error of the share.
    """
    rows: list[dict[str, Any]] = []
    for leak, (metrics, truth) in cohorts.items():
        share, low, high = (metrics[SHARE][key] for key in ("share", "low", "high"))
        known = low is not None and high is not None
        rows.append(
            {
                "label_leak": leak,
                "true_share": truth.words,
                "true_gain": truth.gain,
                "share": share,
                "low": low,
                "high": high,
                "accused": high < 1 if known else None,
                "within": low <= truth.words <= high if known else None,
            }
        )
    errors = [abs(r["share"] - r["true_share"]) for r in rows if r["share"] is not None]
    return {
        "data": "synthetic",
        "cohorts": rows,
        "mean_error": float(np.mean(errors)) if errors else None,
    }


def validation_text(found: Results) -> str:
    """The validation as Markdown."""
    rows, keys = [], ("true_share", "share", "low", "high", "true_gain")
    for row in found["cohorts"]:
        truth, share, low, high, gain = (
            "none" if row[key] is None else f"{row[key]:.2f}" for key in keys
        )
        answers = WORD[row["within"]], WORD[row["accused"]]
        rows.append([f"{row['label_leak']:g}", truth, share, f"{low} to {high}", *answers, gain])
    return f"{EXPLAINED}\n\n{markdown_table(COLUMNS, rows)}\n"


def validation_figure(found: Results, path: Path) -> None:
    """Draw share and truth over the leak, as SVG; equal results give equal bytes."""
    every = found["cohorts"]
    rows = [row for row in every if row["share"] is not None]
    leaks, shares = ([row[key] for row in rows] for key in ("label_leak", "share"))
    down = [row["share"] - row["low"] for row in rows]
    up = [row["high"] - row["share"] for row in rows]
    known, truths = ([row[key] for row in every] for key in ("label_leak", "true_share"))
    with mpl.rc_context({**STYLE, "svg.hashsalt": "audit"}):
        figure = Figure(figsize=(5.0, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(known, truths, marker="s", label="truth")
        axes.errorbar(leaks, shares, yerr=[down, up], marker="o", capsize=3, label="audit, 95 %")
        axes.set(xlabel="label_leak of the synthetic cohort", ylabel="share of the gain")
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
