"""What a score owes to the words of the indication.

CXR-LT labels are mined from reports that contain the indication, so a label may be positive
because the requester wrote the word, and a model that reads the word is then right for the wrong
reason. Everything here is measured twice: against the labels that are learnt, and against
MIMIC-CXR-JPG's, which are mined from findings and impression and cannot see the indication.

Source: method, section 10.1 (audits i, iii, iv and vi).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from camchex.evaluation.evaluate import mean_prevalence
from camchex.evaluation.keywords import Bools, keyword_scores, mentions
from camchex.evaluation.label_sets import LabelSet, label_sets
from camchex.evaluation.leak_results import leak_results
from camchex.evaluation.metrics import Floats, MacroScore, macro, score_classes
from camchex.evaluation.ngrams import ngram_scores
from camchex.evaluation.params import AuditParams
from camchex.evaluation.results import Results
from camchex.evaluation.scored import Split, of_split
from camchex.evaluation.spread import mean_sd


@dataclass(frozen=True)
class Predicted:
    """Probabilities of the test studies, in their order.

    Attributes:
        seeds: By seed, each (N, Q).
        shuffled: The first seed's, with indications swapped between studies, (N, Q), or None.
    """

    seeds: Mapping[int, Floats]
    shuffled: Floats | None = None


def audit(
    cohort: pa.Table,
    classes: Sequence[str],
    predicted: Predicted,
    params: AuditParams,
    min_cell: int,
) -> Results:
    """Audit labels and predictions for what they owe to the indication.

    Args:
        cohort: ``schemas.cohort``; the labels of all its splits are audited, predictions of test.
        classes: The label space.
        predicted: Probabilities of the test studies.
        params: What chance is compared with.
        min_cell: Smallest number of studies that is shown.

    Returns:
        ``baselines``, ``by_indication`` and ``shuffled_indications`` by set of labels (the ones
        learnt; the same of MIMIC-CXR-JPG's classes only; MIMIC-CXR-JPG's own), and ``leak``.

    Raises:
        DataError: If there is no training or no test study, or a class without keywords.
    """
    test = of_split(cohort, "test", classes)
    named = mentions(test.table["indication"].to_pylist(), classes)
    names_any = np.asarray(named.any(axis=1))
    text = {
        "keywords": keyword_scores(named, classes),
        "ngrams": ngram_scores(of_split(cohort, "train", classes), test),
    }
    sets = label_sets(test)
    return {
        "test_studies": _study_counts(test, named, min_cell),
        "baselines": {
            name: _baselines(labels, text, predicted, min_cell) for name, labels in sets.items()
        },
        "by_indication": {
            name: _by_indication(labels, predicted, names_any, min_cell)
            for name, labels in sets.items()
        },
        "shuffled_indications": {
            name: _shuffled(labels, predicted) for name, labels in sets.items()
        },
        "leak": leak_results(cohort, classes, params, min_cell),
        "per_class": _per_class(test, text, predicted, min_cell),
    }


def _study_counts(test: Split, named: Bools, min_cell: int) -> Results:
    any_named = int(named.any(axis=1).sum())
    counts = {
        "naming_a_finding": any_named,
        "naming_none": len(named) - any_named,
        "without_indication": test.table["indication"].null_count,
    }
    return {k: f"<{min_cell}" if 0 < n < min_cell else n for k, n in counts.items()}


def _baselines(
    labels: LabelSet,
    text: Mapping[str, Floats],
    predicted: Predicted,
    min_cell: int,
) -> Results:
    """Text alone beside the model, on the same studies and classes."""
    scores = score_classes(labels.labels, text["keywords"][:, labels.columns], labels.classes)
    return {
        "classes_scored": macro(scores.values()).classes,
        "mean_prevalence": mean_prevalence(scores.values(), min_cell),
        "keywords": _both(labels.macro(text["keywords"])),
        "ngrams": _both(labels.macro(text["ngrams"])),
        "model": _spread([labels.macro(p) for p in predicted.seeds.values()]),
    }


def _by_indication(labels: LabelSet, predicted: Predicted, named: Bools, min_cell: int) -> Results:
    """The model where the indication names a finding, and where it names none.

    Averaged over the classes with ``min_cell`` positives and negatives on both sides, so that the
    two means are of the same classes.
    """
    sides = {"naming_a_finding": named, "naming_none": ~named}
    kept = [
        name
        for name, column in zip(labels.classes, labels.labels.T, strict=True)
        if all(min((column[s] == v).sum() for v in (0, 1)) >= min_cell for s in sides.values())
    ]
    shared = labels.only(kept)
    return {"classes_scored": len(kept)} | {
        side: {
            "mean_prevalence": float(np.nanmean(shared.labels[rows], axis=0).mean())
            if kept
            else None,
            **_spread([shared.macro(p, rows) for p in predicted.seeds.values()]),
        }
        for side, rows in sides.items()
    }


def _shuffled(labels: LabelSet, predicted: Predicted) -> Results | None:
    """The first seed as it is, and with indications swapped between studies."""
    if predicted.shuffled is None:
        return None
    seed, first = next(iter(predicted.seeds.items()))
    own, swapped = labels.macro(first), labels.macro(predicted.shuffled)
    return {"seed": seed, "own": _both(own), "swapped": _both(swapped)}


def _per_class(
    test: Split, text: Mapping[str, Floats], predicted: Predicted, min_cell: int
) -> Results:
    """Average precision of each class from text alone and of the model."""
    by_source = {s: score_classes(test.labels, p, test.classes) for s, p in text.items()}
    models = [score_classes(test.labels, p, test.classes) for p in predicted.seeds.values()]
    return {
        name: {
            "prevalence": score.prevalence,
            **{f"{source}_AP": found[name].ap for source, found in by_source.items()},
            "model_AP": mean_sd([found[name].ap for found in models])["mean"],
        }
        for name, score in models[0].items()
        if score.ap is not None and not score.is_small(min_cell)
    }


def _both(score: MacroScore) -> dict[str, float | None]:
    return {"mAP": score.ap, "AUROC": score.auroc}


def _spread(scores: Sequence[MacroScore]) -> dict[str, dict[str, float | None]]:
    return {"mAP": mean_sd([s.ap for s in scores]), "AUROC": mean_sd([s.auroc for s in scores])}
