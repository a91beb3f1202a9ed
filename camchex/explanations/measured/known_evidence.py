"""Do contributions of inputs rank studies as the generator's own evidence does?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata

from camchex.aggregates.results import Results
from camchex.contract.labels import CXR_LT_2023
from camchex.explanations.contributions import INPUTS, shapley_values, subsets
from camchex.explanations.measured.judged import LEVEL, SEED
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import StudySamples
from camchex.prediction.missing_inputs import only
from camchex.prediction.study_predictions import Variant, predict_variants
from camchex.runs.runtime import RuntimeParams
from camchex.scores.calibration_file import log_odds
from camchex.synthetic.ceiling.observer import posteriors, read_evidence
from camchex.synthetic.ceiling.posterior import Generator

Floats = NDArray[np.float64]
KNOWN = ("images", "indication", "vitals")
RESAMPLES = 200  # draws of studies


def cohort_contributions(model: CaMChex, samples: StudySamples, runtime: RuntimeParams) -> Floats:
    """Shapley values of the four inputs of N studies: (N, 4, Q)."""
    rows = np.arange(len(samples))
    variants = {some: Variant(only(samples, _combination(some)), rows) for some in subsets(INPUTS)}
    named = {_combination(some): variant for some, variant in variants.items()}
    tables = predict_variants(model, named, runtime)
    worth = {some: _log_odds(tables[_combination(some)], model.classes) for some in variants}
    return np.moveaxis(shapley_values(worth, INPUTS), 0, 1)


def _combination(some: frozenset[str]) -> str:
    """Name a set of inputs as :func:`camchex.prediction.missing_inputs.only` does."""
    both = {"frontal", "lateral"} <= some
    images = ["images"] if both else [view for view in ("frontal", "lateral") if view in some]
    return "+".join([*images, *(text for text in ("indication", "vitals") if text in some)])


def _log_odds(table: pa.Table, classes: Sequence[str]) -> Floats:
    columns = [table[name].to_numpy().astype(np.float64) for name in classes]
    return log_odds(np.stack(columns, axis=1))


def generator_evidence(
    model: Generator, studies: pa.Table, drawn: Floats, classes: Sequence[str]
) -> Floats:
    """What each of ``KNOWN`` says of every finding, as the generator knows: (N, 3, Q).

    Of indication and vital signs: the log-odds that they add to the prior, for the best observer.
    Of images: whether the finding was drawn. The bound of the ceiling, an observer who is told
    every finding, ranks studies alike, but for what it concludes from absent findings on leaks.

    Args:
        model: The generator.
        studies: Rows of ``schemas.cohort``, N.
        drawn: 1 where a finding was drawn, (N, Q).
        classes: Names of the findings.
    """
    columns = [CXR_LT_2023.index(name) for name in classes]
    prior = log_odds(model.prior_labels[columns])
    texts = zip(studies["indication"].to_pylist(), studies["vitals_text"].to_pylist(), strict=True)
    said = [posteriors(model, read_evidence(*pair)) for pair in texts]
    by_text = [np.stack([one[name][columns] for one in said]) for name in ("indication", "vitals")]
    return np.stack([drawn, *(log_odds(one) - prior for one in by_text)], axis=1)


def agreement(ours: Floats, known: Floats, random: Floats, classes: Sequence[str]) -> Results:
    """Rank correlation of contributions with what is known, over studies, by finding and input.

    Contributions of a finding are ``shown`` if that of each input is above 0 with confidence
    ``LEVEL`` (studies are drawn again) and above that of the network with random weights.

    Args:
        ours: Contributions, (N, 4, Q).
        known: Result of :func:`generator_evidence`, (N, 3, Q).
        random: Contributions to the answer of a network with random weights, (N, 4, Q).
        classes: Names of the findings.

    Returns:
        By finding: ``shown``, number of ``studies``, and by input the ``correlation``, its lower
        end (``at_least``), and that of the network with ``random_weights``.
    """
    draws = np.random.default_rng(SEED).integers(len(ours), size=(RESAMPLES, len(ours)))
    rows = {}
    for place, name in enumerate(classes):
        row: dict[str, dict[str, float]] = {"correlation": {}, "at_least": {}, "random_weights": {}}
        for number, given in enumerate(KNOWN):
            truth = known[:, number, place]
            mine, other = (_joined(one)[:, number, place] for one in (ours, random))
            again = [correlation(mine[draw], truth[draw]) for draw in draws]
            row["correlation"][given] = correlation(mine, truth)
            row["at_least"][given] = float(np.quantile(again, 1 - LEVEL))
            row["random_weights"][given] = correlation(other, truth)
        shown = all(
            row["at_least"][n] > 0 and row["correlation"][n] > row["random_weights"][n]
            for n in KNOWN
        )
        rows[name] = {"shown": shown, "studies": len(ours), **row}
    return rows


def _joined(contributions: Floats) -> Floats:
    """Add up the two views, (N, 4, Q) to (N, 3, Q): contributions in the order of ``KNOWN``."""
    return np.concatenate([contributions[:, :2].sum(1, keepdims=True), contributions[:, 2:]], 1)


def correlation(ours: Floats, known: Floats) -> float:
    """Rank correlation of N numbers with what is known; 0 where either is constant.

    Of something that is known as yes or no, that is 2 AUROC - 1, the rank-biserial correlation
    (Cureton, Psychometrika 1956), else Spearman's.
    """
    if np.ptp(ours) == 0 or np.ptp(known) == 0:
        return 0.0
    ranks = rankdata(ours)
    yes = known == known.max()
    if len(np.unique(known)) == 2:  # noqa: PLR2004 - yes and no
        return float(2 * (ranks[yes].mean() - ranks[~yes].mean()) / len(ours))
    return float(np.corrcoef(ranks, rankdata(known))[0, 1])
