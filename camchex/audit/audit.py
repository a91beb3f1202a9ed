"""The leakage audit: how much of a score the words of the indication account for.

CXR-LT labels are mined from reports that contain the indication, so a label may be positive
because the requester wrote the word, and a model that reads the word is then right for the wrong
reason. Everything here is measured twice: against the labels that are learnt, and against
MIMIC-CXR-JPG's, which are mined from findings and impression and cannot see the indication.

Source: docs/method.md, section 10.1 (audits i to iv and vi) and 10.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import hide_small
from camchex.audit.gain import (
    NAMES,
    UNSEEN,
    WITHOUT_INDICATION,
    WITHOUT_TEXT,
    ImageOnly,
    gain_results,
)
from camchex.audit.leak import leak_results
from camchex.audit.mentions import how_mentioned, told_once
from camchex.audit.ngrams import ngram_scores
from camchex.audit.pretest import pretest_results
from camchex.audit.scorer import Scorer
from camchex.audit.search import search_results
from camchex.audit.vitals import in_department, vitals_results
from camchex.audit.words import NAMING, NAMING_NONE, by_indication, by_mention
from camchex.contract.labels import MIMIC_14
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
from camchex.scores.metrics import Floats, macro
from camchex.scores.params import AuditParams, EvaluationParams
from camchex.scores.seeds import mean_sd
from camchex.texts.keywords import Bools, keyword_scores

EVERYTHING = "images+indication+vitals"
WITHOUT_VITALS = "without_vitals"
LEFT = {WITHOUT_VITALS: "images+indication", WITHOUT_INDICATION: "images+vitals"}
"""What a change of the texts leaves to the model."""
BY_PRIOR = ("labels", UNSEEN)
"""Sets of labels that are scored by pre-test probability."""


@dataclass(frozen=True)
class Predicted:
    """Probabilities of the test studies, (N, Q), in their order, and what people say of them."""

    seeds: Mapping[int, Floats]
    changed: Mapping[str, Sequence[Floats]] = field(default_factory=dict)  # by change, of each seed
    image_only: ImageOnly | None = None  # trained on images; None: this model without its texts
    indication_only: Sequence[Floats] = ()  # trained on indications; none: regressions on words
    curated: pa.Table | None = None  # labels that people gave: ``schemas.study_labels(MIMIC_14)``


@dataclass(frozen=True)
class Folders:
    """Where predictions are; each folder holds ``seed<s>.parquet`` but for the two of other texts.

    Attributes:
        predictions: Of the model.
        counterfactuals: Of the model with other texts, ``seed<s>/<change>.parquet``.
        missing: As ``stages.predict_missing`` writes them, ``seed<s>/<what is left>.parquet``.
        image_only: Of a setting that was trained on images alone.
        indication_only: Of one that was trained on indications alone.
    """

    predictions: Path
    counterfactuals: Path | None = None
    missing: Path | None = None
    image_only: Path | None = None
    indication_only: Path | None = None


def read_predicted(
    test: Split, seeds: Sequence[int], folders: Folders, curated: pa.Table | None = None
) -> Predicted:
    """Read the predictions of the test studies, of the given seeds.

    Raises:
        DataError: If predictions are missing, or are not of these studies.
    """
    files: dict[str, tuple[Path, str]] = {}
    if folders.counterfactuals is not None:
        files = {name: (folders.counterfactuals, name) for name in NAMES}
        if folders.missing is not None:
            files[WITHOUT_INDICATION] = folders.missing, LEFT[WITHOUT_INDICATION]
    changed = {
        name: [read_probabilities(folder / f"seed{s}/{file}.parquet", test) for s in seeds]
        for name, (folder, file) in files.items()
    }
    images, words = (
        list(read_seeds(folder, seeds, test).values()) if folder else []
        for folder in (folders.image_only, folders.indication_only)
    )
    reference = ImageOnly(folders.image_only.name, images) if folders.image_only else None
    own = read_seeds(folders.predictions, seeds, test)
    return Predicted(own, changed, reference, words, curated)


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
        see :func:`camchex.audit.gain.gain_results`; and ``vitals``), ``pretest``, ``leak``,
        ``unlisted`` (words in no list that tell a label:
        :func:`camchex.audit.search.search_results`) and ``per_class``.

    Raises:
        DataError: If there is no training study, or a class without keywords.
    """
    given, min_cell, classes = evaluation.bootstrap, evaluation.min_cell, test.classes
    draws = draw_patients(test.patients, given.resamples, given.seed)
    scorer = Scorer(draws, given.level, min_cell, workers)
    spoken = told_once(cohort["indication"], partial(how_mentioned, classes=classes), workers)
    shared: Bools = np.asarray(spoken[:, [name in MIMIC_14 for name in classes]] > 0)
    mentioned = spoken[pc.equal(cohort["split"], "test").to_numpy()]
    named: Bools = np.asarray(mentioned > 0)
    text = {
        "keywords": keyword_scores(named, classes),
        "ngrams": ngram_scores(labelled_split(cohort, "train", classes), test, workers),
    }
    sets, seeds, names_any = label_sets(test), predicted.seeds, np.asarray(named.any(axis=1))
    counts = {
        NAMING: int(names_any.sum()),
        NAMING_NONE: len(named) - int(names_any.sum()),
        "without_indication": test.table["indication"].null_count,
    }
    texts: Results | None = None
    changed, own = predicted.changed, list(seeds.values())
    inputs: dict[str, Sequence[Floats]] = {EVERYTHING: own}
    if changed:
        reference = predicted.image_only or ImageOnly(WITHOUT_TEXT, changed[WITHOUT_TEXT])
        without, department = changed[WITHOUT_VITALS], in_department(test.table)
        gain = gain_results(test, own, changed, reference, scorer, predicted.curated)
        lost = {key: found[WITHOUT_VITALS]["lost"] for key, found in gain["changed"].items()}
        parts = vitals_results(sets, department, own, without, scorer)
        vitals = {key: {"together": lost[key], **found} for key, found in parts.items()}
        texts = {**gain, "vitals": vitals}
        inputs |= {left: changed[name] for name, left in LEFT.items() if name in changed}
        inputs["images"] = reference.seeds
    words = predicted.indication_only
    prior = np.mean(words, axis=0) if words else text["ngrams"]
    return {
        "test_studies": hide_small(counts, min_cell),
        "baselines": {k: _baselines(v, text, seeds, scorer) for k, v in sets.items()},
        "by_indication": {k: by_indication(v, seeds, names_any, scorer) for k, v in sets.items()},
        "by_mention": {k: by_mention(v, seeds, mentioned, scorer) for k, v in sets.items()},
        "texts": texts,
        "pretest": {
            "prior": "indication_only" if words else "ngrams",
            **pretest_results({k: sets[k] for k in BY_PRIOR}, prior, inputs, scorer, params.seed),
        },
        "leak": leak_results(cohort, classes, shared, params, evaluation, workers),
        "unlisted": search_results(cohort, classes, shared, params.seed, min_cell, workers),
        "per_class": _per_class(test, text, predicted, scorer),
    }


def audit_metrics(results: Results) -> Results:
    """The few numbers of an audit that ``dvc metrics diff`` shows, and the audit as ``details``.

    Returns:
        First the share of the gain by texts that is not owed to words the labels have seen, and its
        range over what other labels count as; the gain and what is owed, as AUROC; the
        shares kept with the words masked, and with indications swapped (labels learnt); and the
        labels' own excess, and how many words in no list tell a label. ``details`` is a list of
        one: DVC takes no list for a metric.
    """
    texts, leak = results["texts"], results["leak"]
    found: dict[str, object] = {}
    if texts is not None:
        surviving, gain = texts["surviving"], texts["gain"]["labels"]
        rows = {
            "gain_not_owed_to_seen_words": (surviving, "share", "share"),
            "gain_by_texts": (surviving, "gain", "AUROC"),
            "owed_to_seen_words": (surviving, "owed_to_seen_words", "AUROC"),
            "gain_kept_when_masked": (gain["surviving_masked"]["AUROC"], "share", "share"),
            "gain_kept_when_swapped": (gain["surviving_swapped"]["AUROC"], "share", "share"),
        }
        found = {name: _with_ends(*row) for name, row in rows.items()}
        first = next(iter(found))
        found = {first: found[first], f"{first}_by_meaning": texts["meanings"]["range"], **found}
    return {
        **found,
        "label_leak_found": leak["found"],
        "label_excess_where_named": _with_ends(leak["ruled_out"], "excess", "share"),
        "unlisted_words_found": len(results["unlisted"]["words"]),
        "details": [results],
    }


def _with_ends(row: Results, key: str, shown: str) -> dict[str, float | None]:
    """A number of some results under another name, and the ends of its interval."""
    low, high = row[f"{key}_interval"] or NONE
    return {shown: row[key], "low": low, "high": high}


def _baselines(
    labels: LabelSet, text: Mapping[str, Floats], seeds: Mapping[int, Floats], scorer: Scorer
) -> Results:
    """Text alone beside the model, on the same studies and classes, and what it leaves to it."""
    ((scores, _),) = scorer.scored(
        labels.labels, [text["keywords"][:, labels.columns]], labels.classes
    )
    model = scorer.score(labels, list(seeds.values()))
    found: dict[str, object] = {
        "classes_scored": macro(scores.values()).classes,
        "mean_prevalence": mean_prevalence(scores.values(), scorer.min_cell),
    }
    for source, guess in text.items():
        score = scorer.score(labels, [guess])
        found[source] = {**score.shown(), "below_model": model.less(score)}
    return {**found, "model": model.by_seed()}


def _per_class(
    test: Split, text: Mapping[str, Floats], predicted: Predicted, scorer: Scorer
) -> Results:
    """Average precision of each class from text alone and of the model."""
    given = [*text.values(), *predicted.seeds.values()]
    scored = [scores for scores, _ in scorer.scored(test.labels, given, test.classes)]
    by_source, models = dict(zip(text, scored, strict=False)), scored[len(text) :]
    return {
        name: {
            "prevalence": score.prevalence,
            **{f"{source}_AP": found[name].ap for source, found in by_source.items()},
            "model_AP": mean_sd([found[name].ap for found in models])["mean"],
        }
        for name, score in models[0].items()
        if score.may_be_shown(scorer.min_cell)
    }
