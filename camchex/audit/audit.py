"""The leakage audit: how much of a score the words of the indication account for.

CXR-LT labels are mined from reports that contain the indication, so a label may be positive
because the requester wrote the word, and a model that reads the word is then right for the wrong
reason. Everything here is measured twice: against the labels that are learnt, and against
MIMIC-CXR-JPG's, which are mined from findings and impression and cannot see the indication.

Source: docs/method.md, section 10.1 (audits i to iv and vi) and 10.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import hide_small
from camchex.audit.gain import NAMES, WITHOUT_TEXT, ImageOnly, gain_results
from camchex.audit.leak import leak_results
from camchex.audit.mentions import how_mentioned
from camchex.audit.ngrams import ngram_scores
from camchex.audit.scorer import Scorer
from camchex.audit.words import NAMING, NAMING_NONE, by_indication, by_mention, mean_scores
from camchex.scores.bootstrap import draw_patients
from camchex.scores.evaluate import mean_prevalence
from camchex.scores.labelled_split import (
    LabelSet,
    Split,
    label_sets,
    labelled_split,
    read_probabilities,
    read_seeds,
)
from camchex.scores.metrics import Floats, macro, score_classes
from camchex.scores.params import AuditParams, EvaluationParams
from camchex.scores.seeds import mean_sd
from camchex.texts.keywords import Bools, keyword_scores


@dataclass(frozen=True)
class Predicted:
    """Probabilities of the test studies, in their order.

    Attributes:
        seeds: Probabilities by seed, (N, Q).
        changed: Probabilities of each seed with other texts, by change (``gain.NAMES``); empty:
            there are none.
        image_only: A setting trained on images alone; None: this model without its texts.
    """

    seeds: Mapping[int, Floats]
    changed: Mapping[str, Sequence[Floats]] = field(default_factory=dict)
    image_only: ImageOnly | None = None


def read_predicted(
    test: Split,
    seeds: Sequence[int],
    predictions: Path,
    counterfactuals: Path | None = None,
    image_only: Path | None = None,
) -> Predicted:
    """Read the predictions of the test studies.

    Args:
        test: The test studies.
        seeds: Seeds that are read; files of other seeds are ignored.
        predictions: Folder of ``seed<s>.parquet``.
        counterfactuals: Folder of ``seed<s>/<change>.parquet``, the studies with other texts.
        image_only: Folder of ``seed<s>.parquet`` of a setting that was trained on images alone.

    Raises:
        DataError: If predictions are missing, or are not of these studies.
    """
    changed: dict[str, list[Floats]] = {}
    if counterfactuals is not None:
        folders = [counterfactuals / f"seed{s}" for s in seeds]
        for name in NAMES:
            files = [folder / f"{name}.parquet" for folder in folders]
            changed[name] = [read_probabilities(path, test) for path in files]
    images = None
    if image_only is not None:
        images = ImageOnly(image_only.name, list(read_seeds(image_only, seeds, test).values()))
    return Predicted(read_seeds(predictions, seeds, test), changed, images)


def audit(
    cohort: pa.Table,
    test: Split,
    predicted: Predicted,
    params: AuditParams,
    evaluation: EvaluationParams,
    workers: int = 1,
) -> Results:
    """Audit labels and predictions for what they owe to the indication.

    Args:
        cohort: ``schemas.cohort``; the labels of all its splits are audited.
        test: The test studies of this cohort, whose predictions are audited.
        predicted: Probabilities of the test studies.
        params: Shuffles of the indications, which chance is measured by.
        evaluation: Smallest number of studies that is shown, and how intervals are found.
        workers: Threads.

    Returns:
        ``baselines``, ``by_indication`` and ``by_mention`` by set of labels
        (:func:`camchex.scores.labelled_split.label_sets`), ``texts`` (None without other texts:
        see :func:`camchex.audit.gain.gain_results`), ``leak`` and ``per_class``.

    Raises:
        DataError: If there is no training study, or a class without keywords.
    """
    given, min_cell, classes = evaluation.bootstrap, evaluation.min_cell, test.classes
    draws = draw_patients(test.patients, given.resamples, given.seed)
    scorer = Scorer(draws, given.level, min_cell, workers)
    mentioned = how_mentioned(test.table["indication"].to_pylist(), classes)
    named: Bools = np.asarray(mentioned > 0)
    text = {
        "keywords": keyword_scores(named, classes),
        "ngrams": ngram_scores(labelled_split(cohort, "train", classes), test),
    }
    sets, seeds, names_any = label_sets(test), predicted.seeds, np.asarray(named.any(axis=1))
    counts = {
        NAMING: int(names_any.sum()),
        NAMING_NONE: len(named) - int(names_any.sum()),
        "without_indication": test.table["indication"].null_count,
    }
    texts, changed = None, predicted.changed
    if changed:
        reference = predicted.image_only or ImageOnly(WITHOUT_TEXT, changed[WITHOUT_TEXT])
        texts = gain_results(sets, list(seeds.values()), changed, reference, scorer)
    return {
        "test_studies": hide_small(counts, min_cell),
        "baselines": {k: _baselines(v, text, seeds, scorer) for k, v in sets.items()},
        "by_indication": {k: by_indication(v, seeds, names_any, scorer) for k, v in sets.items()},
        "by_mention": {k: by_mention(v, seeds, mentioned, scorer) for k, v in sets.items()},
        "texts": texts,
        "leak": leak_results(cohort, classes, params, min_cell),
        "per_class": _per_class(test, text, predicted, min_cell),
    }


def audit_metrics(results: Results) -> Results:
    """The few numbers that ``dvc metrics diff`` shows, and everything else under ``details``.

    Args:
        results: The audit, as :func:`audit` returns it.

    Returns:
        First the share of the gain by texts that is not owed to words the labels have seen, the
        gain and what is owed, all as AUROC; the shares kept with the words masked, and with
        indications swapped (labels learnt); and the labels' own excess. ``details`` is a list of
        one: DVC takes no list for a metric.
    """
    texts, leak = results["texts"], results["leak"]
    found: dict[str, object] = {}
    if texts is not None:
        surviving, gain = texts["surviving"], texts["gain"]["labels"]
        found = {
            "gain_not_owed_to_seen_words": _flat(surviving, "share"),
            "gain_by_texts": _flat(surviving, "gain"),
            "owed_to_seen_words": _flat(surviving, "owed_to_seen_words"),
            "gain_kept_when_masked": _flat(gain["surviving_masked"]["AUROC"], "share"),
            "gain_kept_when_swapped": _flat(gain["surviving_swapped"]["AUROC"], "share"),
        }
    return {
        **found,
        "label_leak_found": leak["found"],
        "label_excess_where_named": leak["ruled_out"]["excess"],
        "details": [results],
    }


def _flat(row: Results, key: str) -> Results:
    low, high = row[f"{key}_interval"] or (None, None)
    return {"AUROC" if key != "share" else "share": row[key], "low": low, "high": high}


def _baselines(
    labels: LabelSet, text: Mapping[str, Floats], seeds: Mapping[int, Floats], scorer: Scorer
) -> Results:
    """Text alone beside the model, on the same studies and classes, and what it leaves to it."""
    scores = score_classes(labels.labels, text["keywords"][:, labels.columns], labels.classes)
    own = list(seeds.values())
    model = scorer.score(labels, own)
    found = {source: scorer.score(labels, [guess]) for source, guess in text.items()}
    return {
        "classes_scored": macro(scores.values()).classes,
        "mean_prevalence": mean_prevalence(scores.values(), scorer.min_cell),
        **{
            source: {
                **scorer.shown(score),
                "below_model": scorer.difference(model.minus(score)),
            }
            for source, score in found.items()
        },
        "model": mean_scores([labels.macro(p) for p in own]) | scorer.intervals(model),
    }


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
        if score.may_be_shown(min_cell)
    }
