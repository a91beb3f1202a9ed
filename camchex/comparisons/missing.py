"""The one model where inputs are missing, beside models that were trained without these inputs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import is_small, shown_positives, tells_one_small
from camchex.comparisons.variant_tables import LEVEL, SCORES, Perturbed, paired_difference, step_sd
from camchex.comparisons.variants import OURS
from camchex.scores.intervals import seed_intervals
from camchex.scores.labelled_split import Bools, Split, read_probabilities
from camchex.scores.metrics import Floats, macro, score_classes
from camchex.scores.params import EvaluationParams
from camchex.scores.seeds import mean_sd

WHOLE = "images+indication+vitals"
VARIANT = MappingProxyType(
    {
        "images": "multi_view",
        "indication": "ci_only",
        "vitals": "vs_only",
        "images+indication": "mv_ci",
        "images+vitals": "mv_vs",
        "indication+vitals": "ci_vs",
    }
)
"""The model that was trained on a combination of inputs alone."""
VIEWS = ("frontal", "lateral")
"""Combinations whose dedicated model is the classifier of the images of that view."""
VIEWS_MISSING = (
    *("unknown", "unknown+indication+vitals"),
    *("frontal+indication+vitals", "lateral+indication+vitals"),
)
"""Combinations without a dedicated model."""
LABELS = MappingProxyType(
    {
        "images": "all images",
        "frontal": "frontal images alone",
        "lateral": "lateral images alone",
        "unknown": "all images, their views unknown",
        "indication": "indication",
        "vitals": "vital signs",
    }
)
WITHOUT = MappingProxyType(
    {
        "images": "indication+vitals",
        "indication": "images+vitals",
        "vitals": "images+indication",
    }
)
"""What is left to a study without one input."""
SHARES = (0, 10, 25, 50, 75, 90, 100)  # per cent of the test studies
DRAWS = 5  # orders in which studies lose an input; a score is the mean over them


def label(combination: str) -> str:
    """What is left to a study, to a reader."""
    return ", ".join(LABELS[name] for name in combination.split("+"))


@dataclass(frozen=True)
class Predictions:
    """Where predictions of the test studies are.

    Attributes:
        combinations: Of the one model: path with ``{name}`` for a combination and ``{seed}``.
        variants: Of a dedicated model: path with ``{name}`` and ``{seed}``.
        views: Of the classifier of a view, of the studies with such an image: path with ``{name}``.
    """

    combinations: str
    variants: str
    views: str


def missing_inputs(
    test: Split,
    seeds: Sequence[int],
    files: Predictions,
    params: EvaluationParams,
    perturbed: Perturbed,
) -> Results:
    """Compare the one model with dedicated models, and score it where more and more is missing.

    Args:
        test: The test studies.
        seeds: The declared seeds.
        files: Where the predictions are.
        params: Section ``evaluation``.
        perturbed: Spread of trainings under rounding alone, which counts beside that of the seeds.

    Returns:
        ``rows``: for each combination of inputs the scores of the one model, of the model that was
        trained on it alone, and ``difference``, the first less the second, seed by seed, whose
        ``at_least_as_good`` says that it is not clearly below 0. ``curves``: for each input the
        scores by the share of studies that lack it, with intervals.

    Raises:
        DataError: If predictions are missing, or not of these studies.
    """

    def of(name: str) -> list[Floats]:
        paths = (Path(files.combinations.format(name=name, seed=seed)) for seed in seeds)
        return [read_probabilities(path, test) for path in paths]

    ours = {name: of(name) for name in (WHOLE, *VARIANT, *VIEWS, *VIEWS_MISSING)}
    dedicated = {
        name: [
            read_probabilities(Path(files.variants.format(name=variant, seed=seed)), test)
            for seed in seeds
        ]
        for name, variant in VARIANT.items()
    }
    models = {name: (ours[name], dedicated.get(name)) for name in (*VARIANT, *VIEWS_MISSING)}
    sd = step_sd(("fusion", "fusion"), perturbed)
    rows = {
        OURS if name == WHOLE else name: _row(name, test, *pair, params.min_cell, sd)
        for name, pair in {WHOLE: (ours[WHOLE], None), **models}.items()
    }
    sd = step_sd(("fusion", "view_finetuning"), perturbed)
    for view in VIEWS:
        has = has_view(test.table, view)
        part = some_studies(test, has)
        alone = [read_probabilities(Path(files.views.format(name=view)), part)]
        seen = [scores[has] for scores in ours[view]]
        row = _row(view, part, seen, alone, params.min_cell, sd)
        shown = shown_positives(int(has.sum()), int((~has).sum()), params.min_cell)
        rows[view] = {**row, "studies": shown}
    return {
        "level": LEVEL,
        "seeds": list(seeds),
        "interval": params.bootstrap.level,
        "draws": DRAWS,
        "rows": rows,
        "curves": {
            name: list(curve(test, ours[WHOLE], ours[left], params, seed=place))
            for place, (name, left) in enumerate(WITHOUT.items())
        },
    }


def has_view(table: pa.Table, view: str) -> Bools:
    """Which studies (``schemas.cohort``) have an image of a view, (N,)."""
    found = pc.equal(pc.list_flatten(table["views"]), view)
    parents = pc.list_parent_indices(table["views"]).filter(found).to_numpy()
    return np.bincount(parents, minlength=table.num_rows) > 0


def some_studies(split: Split, kept: Bools) -> Split:
    """Some of the studies of a split, by (N,) booleans."""
    table = split.table.filter(pa.array(kept))
    return replace(split, table=table, labels=split.labels[kept], images=split.images[kept])


def _row(
    name: str,
    test: Split,
    ours: Sequence[Floats],
    dedicated: Sequence[Floats] | None,
    min_cell: int,
    sd: Mapping[str, float] | None,
) -> Results:
    """One combination: ``sd`` is the deviation of the difference under rounding alone."""
    found = {
        "label": "nothing is missing" if name == WHOLE else label(name),
        "studies": len(test.labels),
        "dedicated": None,
        "difference": None,
    }
    first = model_scores(test, ours, min_cell)
    found |= {score: mean_sd(first[score]) for score in SCORES}
    if dedicated is None:
        return found
    second = model_scores(test, dedicated, min_cell)
    return found | {
        "dedicated": {score: mean_sd(second[score]) for score in SCORES},
        "difference": {
            score: at_least(
                paired_difference(second[score], first[score], sd[score] if sd else None)
            )
            for score in SCORES
        },
    }


def model_scores(
    test: Split, models: Sequence[Floats], min_cell: int
) -> dict[str, list[float | None]]:
    """MAP and AUROC of each seed; None where few studies, or one small class alone, would tell."""
    found: dict[str, list[float | None]] = {score: [] for score in SCORES}
    for probabilities in models:
        scores = score_classes(test.labels, probabilities, test.classes).values()
        small = [score.is_small(min_cell) for score in scores if score.ap is not None]
        hidden = is_small(len(test.labels), min_cell) or tells_one_small(small)
        mean = macro([] if hidden else scores)
        found["mAP"].append(mean.ap)
        found["AUROC"].append(mean.auroc)
    return found


def at_least(difference: Results) -> Results:
    """Add whether a difference is not clearly below 0; None where that is not known."""
    mean, clear = difference["mean"], difference["clear"]
    good = None if mean is None else mean >= 0 or (None if clear is None else not clear)
    return {**difference, "at_least_as_good": good}


def mixtures(
    studies: int, share: int, whole: Sequence[Floats], left: Sequence[Floats], seed: int
) -> Iterator[Floats]:
    """Predictions of every seed in every draw, where a share of the studies lack an input.

    The studies that lack it at one share lack it at every larger one, too.

    Args:
        studies: Number N of studies.
        share: Per cent of them, rounded to whole studies.
        whole: Probabilities with the input, (N, Q), of each seed.
        left: Probabilities without it, (N, Q), of each seed.
        seed: Seed of the draws.
    """
    draws = 1 if share in {0, 100} else DRAWS  # all draws are one
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(studies)
        lacks: NDArray[np.bool_] = np.zeros((studies, 1), bool)
        lacks[order[: round(studies * share / 100)]] = True
        for one, other in zip(whole, left, strict=True):
            yield np.where(lacks, other, one)


def curve(
    test: Split,
    whole: Sequence[Floats],
    left: Sequence[Floats],
    params: EvaluationParams,
    *,
    seed: int,
) -> Iterator[Results]:
    """Score the mixtures of two predictions at each of ``SHARES``.

    Args:
        test: The test studies.
        whole: Probabilities with the input, (N, Q), of each seed.
        left: Probabilities without it, (N, Q), of each seed.
        params: Section ``evaluation``.
        seed: Seed of the draws.

    Returns:
        ``share`` in per cent; for mAP and AUROC the mean over seeds and draws, and the interval of
        that mean over other patients; None where one small class alone is scored.
    """
    count, labels = len(test.labels), test.labels
    patient, level = test.patient, params.bootstrap.level
    classes = score_classes(labels, whole[0], test.classes).values()
    scored = [q for q, score in enumerate(classes) if score.ap is not None]
    small = [score.is_small(params.min_cell) for score in classes if score.ap is not None]
    hidden = is_small(count, params.min_cell) or tells_one_small(small) or not scored
    for share in SHARES:
        row: dict[str, object] = {"share": share}
        if hidden:
            yield row | dict.fromkeys(f"{s}{end}" for s in SCORES for end in ("", "_interval"))
            continue
        mixed = list(mixtures(count, share, whole, left, seed))
        means = [macro(score_classes(labels, one, test.classes).values()) for one in mixed]
        ends = seed_intervals(labels[:, scored], [m[:, scored] for m in mixed], patient, level)
        pairs = np.array([(one.ap, one.auroc) for one in means], np.float64)
        yield row | dict(zip(SCORES, pairs.mean(axis=0).tolist(), strict=True)) | ends
