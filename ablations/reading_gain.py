"""Gain of joint over late fusion in one cohort of its own: of trained models, and of the best.

Called in the folder of the cohort. The models of images, indication and vital signs are put
together as the ceiling's observers are (``camchex/scores/ceiling.py``).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from camchex.aggregates.markdown import markdown_table
from camchex.aggregates.results import Results, write_results
from camchex.comparisons.joint_gain import JOINT, READINGS
from camchex.comparisons.two_models import compare_settings
from camchex.comparisons.variant_text import number_text
from camchex.contract import params, schemas, tables
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.scores.ceiling import Compared, read_separately
from camchex.scores.labelled_split import Split, labelled_split, read_seeds
from camchex.scores.metrics import Floats, macro, score_classes
from camchex.scores.params import EvaluationParams
from camchex.synthetic.ceiling.cohort import ceilings
from camchex.synthetic.ceiling.observer import BOUNDS
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.score import INPUTS
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.synergy import PAIRS

COHORT, PREDICTIONS = Path("data/cohort.parquet"), Path("data/predictions")
TRUTH, CEILING = Path("data/synthetic/truth/truth.parquet"), Path("data/ceiling.npz")
SHARED = tuple(finding for pair in PAIRS for finding in pair.findings)
RULES = ("sum_of_log_odds", "mean")
MEANS = {"macro": "all findings", "shared": "findings of shared shadows"}


def _test_studies() -> Split:
    classes = params.load("labels", LabelParams).classes
    return labelled_split(tables.read(COHORT, schemas.cohort(classes)), "test", classes)


def write_ceiling() -> None:
    """Write the probabilities that the best observers give to the test studies."""
    test, truth = _test_studies(), tables.read(TRUTH, schemas.labels(CXR_LT_2023))
    model = Generator(params.load("synthetic", SyntheticParams))
    np.savez(CEILING, **ceilings(model, test.table, truth, test.classes).probabilities)


def write_gains(seeds: Sequence[int], out: Path) -> None:
    """Write scores and gains on the test studies, ``best`` and ``ours`` (mean over ``seeds``).

    ``gains`` holds, for each of ``RULES``, what :func:`compare_settings` finds: late fusion is its
    left side, joint reading its right side; ``shared`` is the mean over ``SHARED``.
    """
    test, best = _test_studies(), np.load(CEILING)
    prior = Generator(params.load("synthetic", SyntheticParams)).prior_labels
    scored = params.load("evaluation", EvaluationParams)
    one = {
        name: Compared(best[name], name in BOUNDS, read_seeds(PREDICTIONS / name, seeds, test))
        for name in (JOINT, *INPUTS)
    }
    columns = [CXR_LT_2023.index(name) for name in test.classes]
    late = read_separately([one[name] for name in INPUTS], prior[columns])

    def compare(left: Compared, side: str) -> Results:
        pair = [[c.ceiling] if side == "best" else [*c.ours.values()] for c in (left, one[JOINT])]
        level, groups = scored.bootstrap.level, {"shared": SHARED}
        return compare_settings(test, *pair, groups, level=level, min_cell=scored.min_cell)

    found = {rule: {side: compare(late[rule], side) for side in ("best", "ours")} for rule in RULES}
    inputs = {name: [_macro(test, p) for p in one[name].ours.values()] for name in INPUTS}
    write_results({"seeds": list(seeds), "gains": found, "mAP_of_each_input": inputs}, out)


def _macro(test: Split, probabilities: Floats) -> float | None:
    return macro(score_classes(test.labels, probabilities, test.classes).values()).ap


def gains_text(found: Results) -> str:
    """The results of all cohorts as Markdown."""
    scores, gains = [], []
    for cohort in found["cohorts"]:
        at = [f"{cohort['studies']:,}", f"{cohort['synergy']:g}", str(len(cohort["seeds"]))]
        rows = {"joint": ("mean", "right"), **{rule: (rule, "left") for rule in RULES}}
        for name, (rule, side) in rows.items():
            cells = [
                number_text(cohort["gains"][rule][whose]["means"]["macro"][metric][side])
                for metric in ("AP", "AUROC")
                for whose in ("ours", "best")
            ]
            scores.append([*at, READINGS[name], *cells])
        for rule in RULES:
            for mean, label in MEANS.items():
                ours, best = (
                    cohort["gains"][rule][side]["means"].get(mean) for side in ("ours", "best")
                )
                if ours and best:
                    cells = [
                        text
                        for metric in ("AP", "AUROC")
                        for text in (_difference(ours[metric]), _difference(best[metric]))
                    ]
                    gains.append([*at, READINGS[rule], label, *cells])
    columns = ("training studies", "synergy", "seeds")
    sides = [f"{score} {side}" for score in ("mAP", "AUROC") for side in ("ours", "best")]
    parts = [
        f"# {found['title']}",
        "Synthetic data, test studies. Best: the best possible reading; ours: "
        "mean over the seeds; in brackets the interval over resampled patients.",
        markdown_table((*columns, "reading", *sides), scores),
        markdown_table((*columns, "gain of joint over", "mean over", *sides), gains),
    ]
    if found["not_finished"]:
        parts.append(f"Not finished in time: {'; '.join(found['not_finished'])}.")
    return "\n\n".join(parts) + "\n"


def _difference(row: Results) -> str:
    ends = row["interval"]
    between = f" [{ends[0]:+.3f}, {ends[1]:+.3f}]" if ends else ""
    return number_text(row["difference"], "+") + between
