"""Counterfactual studies: the test studies with exchanged, masked or missing texts.

The part of a score that a model owes to a text is the part it loses when the text is that of
another study, or gone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract import schemas
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import StudySamples, cohort_studies
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.samples import Cohort
from camchex.prediction.study_predictions import predict_studies
from camchex.runs.runtime import RuntimeParams
from camchex.texts.masking import mask_findings

Text = TypeVar("Text", str, str | None)


def counterfactuals(
    samples: StudySamples, seed: int, classes: Sequence[str]
) -> dict[str, StudySamples]:
    """Make every variation of some studies that the audit scores.

    Returns:
        ``swapped`` (indications, in an order that follows from ``seed``) and ``vitals_swapped``;
        ``masked`` (indications without the words for ``classes``), ``without_vitals``, and
        ``without_text`` (neither indication nor vital signs). A missing text is replaced as in
        training: by the placeholder, or by NA in every field.
    """
    nothing: list[str | None] = [None] * len(samples)
    no_vitals = [NO_VITALS] * len(samples)
    masked = [mask_findings(text, classes) for text in samples.indications]
    return {
        "swapped": swap_indications(samples, seed),
        "masked": replace(samples, indications=masked),
        "vitals_swapped": swap_vitals(samples, seed),
        "without_vitals": replace(samples, vitals=no_vitals),
        "without_text": replace(samples, indications=nothing, vitals=no_vitals),
    }


def swap_indications(samples: StudySamples, seed: int) -> StudySamples:
    """Give every study the indication of a random study of its stratum.

    A stratum: one split, all in the emergency department or none, all with an indication or none.
    So the exchange changes neither whether there is an indication nor where the patient was.

    Source: docs/method.md, section 10 (audit vi: shuffle indications between studies).
    """
    present = [text is not None for text in samples.indications]
    return replace(samples, indications=_exchange(samples.indications, samples, seed, present))


def swap_vitals(samples: StudySamples, seed: int) -> StudySamples:
    """Give every study of the emergency department all vital signs, and the sex, of another one.

    The text then still tells that the patient was there, but not how the patient was.

    Source: docs/method.md, section 10 (4: vital signs reveal the emergency department).
    """
    return replace(samples, vitals=_exchange(samples.vitals, samples, seed, [True] * len(samples)))


def _exchange(
    texts: list[Text], samples: StudySamples, seed: int, kinds: Sequence[bool]
) -> list[Text]:
    """Exchange texts within strata of equal split, department and kind.

    Every text is given once, to another study; a study alone in its stratum keeps its text.
    """
    draw, donors = np.random.default_rng(seed), np.arange(len(texts))
    in_department = [vitals != NO_VITALS for vitals in samples.vitals]
    strata: dict[object, list[int]] = {}
    for row, stratum in enumerate(zip(samples.splits, in_department, kinds, strict=True)):
        strata.setdefault(stratum, []).append(row)
    for rows in strata.values():  # in the order of the studies
        around = draw.permutation(rows)
        donors[around] = np.roll(around, 1)  # one cycle: no study keeps its own
    return [texts[donor] for donor in donors]


def predict_counterfactuals(
    model: CaMChex, cohort: Cohort, known: pa.Table, seed: int, runtime: RuntimeParams
) -> Iterator[tuple[str, pa.Table]]:
    """Predict the test studies under every name of :func:`counterfactuals`.

    ``known`` holds the predictions of the studies as they are; ``seed`` decides the exchanges.
    """
    test = cohort_studies(cohort, ["test"])
    known = known.filter(pc.equal(known["split"], "test"))
    for name, changed in counterfactuals(test, seed, model.classes).items():
        yield name, predict_changed(model, test, known, changed, runtime)


def predict_changed(
    model: CaMChex,
    plain: StudySamples,
    known: pa.Table,
    changed: StudySamples,
    runtime: RuntimeParams,
) -> pa.Table:
    """Predict changed studies (``schemas.predictions``); unchanged studies are not predicted again.

    ``changed`` are the studies of ``plain`` with other texts, ``known`` the predictions of
    ``plain``, all in the same order.
    """
    texts = zip(plain.indications, plain.vitals, strict=True)
    others = zip(changed.indications, changed.vitals, strict=True)
    rows = [i for i, (a, b) in enumerate(zip(texts, others, strict=True)) if a != b]
    if not rows:
        return known
    found = predict_studies(model, changed.take(rows), runtime)
    source = np.arange(len(plain))
    source[rows] = len(plain) + np.arange(len(rows))
    both = pa.concat_tables([known, found]).combine_chunks()
    return both.take(pa.array(source)).cast(schemas.predictions(model.classes))
