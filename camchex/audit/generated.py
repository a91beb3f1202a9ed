"""The audit on cohorts of the generator whose words and labels break what the audit assumes.

Requests, words and labels are those that the generator writes for a section ``synthetic``. Nothing
is drawn or trained: of an image there is a number for each finding, and the model is a logistic
regression on this number and on the words of the request, learnt from the labels.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from camchex.aggregates.results import Results
from camchex.audit.assumptions import IMAGE, Simulated, Size, audited
from camchex.audit.leak import named_shared
from camchex.audit.ngrams import words_counter
from camchex.audit.search import search_results
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.scores.labelled_split import Bools
from camchex.scores.metrics import Floats
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.indication import write_indication
from camchex.synthetic.people.patients import Study, invent_studies
from camchex.synthetic.people.phrases import PHRASES
from camchex.synthetic.published.mimic import label, mimic14_labels, subjects
from camchex.synthetic.random_streams import stream
from camchex.texts.cleaning import clean_indication
from camchex.texts.keywords import mentions
from camchex.texts.masking import mask_findings

SHARED = [name for name in CXR_LT_2023 if name in MIMIC_14 and name in DRAWN]
"""Findings that both sets of labels have."""
MIN_CELL = 5
SIZE = Size(studies=3000)
CLEAN, LEAK = {"label_leak": 0.0}, {"label_leak": 0.7}
SETTINGS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "no leak, nothing else wrong": CLEAN,
        "leak 0.7": LEAK,
        "leak 0.7; every finding in words of real requests": {**LEAK, "paraphrases": 1.0},
        "leak 0.7; half of the words unlisted": {**LEAK, "unlisted_words": 0.5},
        "leak 0.7; repeats 20 % of the questions": {**LEAK, "named_repeated": 0.2},
        "leak 0.7; 80 % of the named absents uncertain": {**LEAK, "named_uncertain": 0.8},
        "no leak; misses 35 % of the named": {**CLEAN, "named_missed": 0.35},
    }
)
"""Cohorts, by what is wrong with them: keys of the section ``synthetic`` that differ."""


@dataclass(frozen=True)
class Requests:
    """Studies as the generator writes them: texts that a model reads, (N,), and labels, (N, Q)."""

    studies: Sequence[Study]
    texts: Sequence[str]  # as they are
    masked: Sequence[str]  # without the listed words for findings
    silent: Sequence[str]  # without all words for findings
    learnt: Floats
    clean: Floats
    published: Floats

    @property
    def truth(self) -> Bools:
        """Findings that are there, (N, Q)."""
        return np.array([[name in one.severities for name in SHARED] for one in self.studies])

    def cohort(self) -> pa.Table:
        """What the search for unlisted words reads of ``schemas.cohort``."""
        columns: dict[str, object] = {
            "patient_id": [study.patient.patient_id for study in self.studies],
            "indication": list(self.texts),
            **dict(zip(SHARED, self.learnt.T, strict=True)),
        }
        silent = np.full(len(self.studies), np.nan)
        for name in MIMIC_14:
            at = SHARED.index(name) if name in SHARED else None
            columns[f"mimic14.{name}"] = silent if at is None else self.published[:, at]
        return pa.table(columns)


def audit_generated(
    params: SyntheticParams, changed: Mapping[str, float], size: Size = SIZE
) -> Results:
    """Audit a cohort of the generator.

    Args:
        params: The section ``synthetic``.
        changed: Its keys that differ.
        size: Studies for training and for test each, resamples and shuffles; the findings are
            those of ``SHARED``.

    Returns:
        As :func:`camchex.audit.assumptions.audited`, and what the search for words that are in no
        list found: ``words_found``, of those that the generator writes for the finding, and
        ``other_words_found``.
    """
    given = params.model_copy(update=dict(changed))
    train, test = (_requests(given, split, size.studies) for split in ("train", "test"))
    draw = np.random.default_rng(params.seed)
    seen = [one.truth * IMAGE + draw.normal(size=one.truth.shape) for one in (train, test)]
    texts = {"own": test.texts, "masked": test.masked, "silent": test.silent}
    cohort = Simulated(
        patients=[study.patient.patient_id for study in test.studies],
        learnt=test.learnt,
        clean=test.clean,
        published=test.published,
        listed=mentions(test.texts, SHARED),
        **_models(seen[0], train, seen[1], texts),
    )
    found = audited(cohort, size, params.seed)
    everyone = pa.concat_tables([train.cohort(), test.cohort()])
    named = named_shared(everyone, SHARED)
    words = search_results(everyone, SHARED, named, params.seed, MIN_CELL)["words"]
    return {**found, **_planted(words)}


def _planted(words: Sequence[Results]) -> Results:
    """How many of the words that the search found are unlisted ones that the generator writes."""
    planted = sum(
        not {*one["words"].split()}.isdisjoint(" ".join(PHRASES[one["class"]].unlisted).split())
        for one in words
    )
    return {"words_found": planted, "other_words_found": len(words) - planted}


def _requests(params: SyntheticParams, split: str, count: int) -> Requests:
    studies = invent_studies(params, split, count, params.prevalence)
    about = subjects(studies, params, "indication", params.text_informativeness)
    without = params.model_copy(update={"label_leak": 0.0})
    rows: list[tuple[str, str, list[int], list[int], list[float]]] = []
    for study, told in zip(studies, about, strict=True):
        rng = stream(params.seed, "indication", study.study_id)
        indication = write_indication(study.patient, told, rng, params.wording)
        learnt, clean = (label(study, indication, one) for one in (params, without))
        cells = mimic14_labels(study, indication.named, params)
        rows.append(
            (
                clean_indication(indication.text) or "",
                clean_indication(_without(indication.text, indication.words)) or "",
                [learnt[name] for name in SHARED],
                [clean[name] for name in SHARED],
                [float(cells[name] or "nan") for name in SHARED],
            )
        )
    texts, unnamed, *labels = zip(*rows, strict=True)
    masked, silent = (
        [mask_findings(text, CXR_LT_2023) or "" for text in given] for given in (texts, unnamed)
    )
    return Requests(studies, texts, masked, silent, *(np.array(one, np.float64) for one in labels))


def _without(text: str, words: Sequence[str]) -> str:
    """The text without some words, in the question and where the history repeats it."""
    for one in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", "", text)
    return text


def _models(
    image: Floats, train: Requests, seen: Floats, texts: Mapping[str, Sequence[str]]
) -> dict[str, Floats]:
    """Probabilities of the test studies: with each of the texts, and of the images alone."""
    words = words_counter()
    read = csr_matrix(words.fit_transform(train.texts))
    given = {name: csr_matrix(words.transform(list(one))) for name, one in texts.items()}
    found: dict[str, list[Floats]] = {name: [] for name in (*texts, "images")}
    for q, labels in enumerate(train.learnt.T):
        alone = _probabilities(image[:, [q]], labels)
        found["images"].append(alone(seen[:, [q]]))
        whole = _probabilities(hstack([image[:, [q]], read], "csr"), labels)
        for name, one in given.items():
            found[name].append(whole(hstack([seen[:, [q]], one], "csr")))
    return {name: np.stack(columns, axis=1) for name, columns in found.items()}


def _probabilities(inputs: object, labels: Floats) -> Callable[[object], Floats]:
    model = LogisticRegression(solver="liblinear").fit(inputs, labels)
    return lambda given: model.predict_proba(given)[:, 1]
