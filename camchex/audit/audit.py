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
from camchex.audit.search import search_results
from camchex.audit.words import NAMING, NAMING_NONE, by_indication, by_mention, mean_scores
from camchex.scores.bootstrap import draw_patients
from camchex.scores.evaluate import mean_prevalence
from camchex.scores.intervals import NONE
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
    """Probabilities of the test studies, (N, Q), in their order."""

    seeds: Mapping[int, Floats]
    changed: Mapping[str, Sequence[Floats]] = field(default_factory=dict)  # by change, of each seed
    image_only: ImageOnly | None = None  # trained on images; None: this model without its texts


def read_predicted(
    test: Split,
    seeds: Sequence[int],
    predictions: Path,
    counterfactuals: Path | None = None,
    image_only: Path | None = None,
) -> Predicted:
    """Read the predictions of the test studies, of the given seeds.

    Folders hold ``seed<s>.parquet``; that of counterfactuals, ``seed<s>/<change>.parquet``; and
    ``image_only`` is the folder of a setting that was trained on images alone.

    Raises:
        DataError: If predictions are missing, or are not of these studies.
    """
    changed, images = {}, None
    if counterfactuals is not None:
        for name in NAMES:
            files = [counterfactuals / f"seed{s}/{name}.parquet" for s in seeds]
            changed[name] = [read_probabilities(path, test) for path in files]
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

    The labels of all splits of the cohort (``schemas.cohort``) are audited, and the predictions of
    its test studies.

    Returns:
        ``baselines``, ``by_indication`` and ``by_mention`` by set of labels
        (:func:`camchex.scores.labelled_split.label_sets`), ``texts`` (None without other texts:
        see :func:`camchex.audit.gain.gain_results`), ``leak``, ``unlisted`` (words in no list that
        tell a label: :func:`camchex.audit.search.search_results`) and ``per_class``.

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
        "unlisted": search_results(cohort, classes, params.seed, min_cell),
        "per_class": _per_class(test, text, predicted, min_cell),
    }


def audit_metrics(results: Results) -> Results:
    """The few numbers of an audit that ``dvc metrics diff`` shows, and the audit as ``details``.

    Returns:
        First the share of the gain by texts that is not owed to words the labels have seen, the
        gain and what is owed, all as AUROC; the shares kept with the words masked, and with
        indications swapped (labels learnt); and the labels' own excess, and how many words in no
        list tell a label. ``details`` is a list of one: DVC takes no list for a metric.
    """
    texts, leak = results["texts"], results["leak"]
    found: dict[str, object] = {}
    if texts is not None:
        surviving, gain = texts["surviving"], texts["gain"]["labels"]
        for name, row, key, shown in (
            ("gain_not_owed_to_seen_words", surviving, "share", "share"),
            ("gain_by_texts", surviving, "gain", "AUROC"),
            ("owed_to_seen_words", surviving, "owed_to_seen_words", "AUROC"),
            ("gain_kept_when_masked", gain["surviving_masked"]["AUROC"], "share", "share"),
            ("gain_kept_when_swapped", gain["surviving_swapped"]["AUROC"], "share", "share"),
        ):
            low, high = row[f"{key}_interval"] or NONE
            found[name] = {shown: row[key], "low": low, "high": high}
    return {
        **found,
        "label_leak_found": leak["found"],
        "label_excess_where_named": leak["ruled_out"]["excess"],
        "unlisted_words_found": len(results["unlisted"]["words"]),
        "details": [results],
    }


def _baselines(
    labels: LabelSet, text: Mapping[str, Floats], seeds: Mapping[int, Floats], scorer: Scorer
) -> Results:
    """Text alone beside the model, on the same studies and classes, and what it leaves to it."""
    scores = score_classes(labels.labels, text["keywords"][:, labels.columns], labels.classes)
    own = list(seeds.values())
    model = scorer.score(labels, own)
    found: dict[str, object] = {
        "classes_scored": macro(scores.values()).classes,
        "mean_prevalence": mean_prevalence(scores.values(), scorer.min_cell),
    }
    for source, guess in text.items():
        score = scorer.score(labels, [guess])
        below = scorer.difference(model.minus(score))
        found[source] = {**scorer.shown(score), "below_model": below}
    return {
        **found,
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
