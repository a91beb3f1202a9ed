"""Counterfactual studies: the test studies with exchanged, masked or missing texts.

The part of a score that a model owes to a text is the part it loses when the text is that of
another study, or gone.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_data import StudySamples, cohort_studies
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.batches import Rows
from camchex.networks.samples import Cohort
from camchex.prediction.params import SINGLE, PredictionParams
from camchex.prediction.study_predictions import Variant, predict_variants
from camchex.runs.parts import Part
from camchex.runs.runtime import RuntimeParams
from camchex.texts.masking import mask_findings

Text = TypeVar("Text", str, str | None)
PLAIN = "plain"


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


def predict_cohort(  # noqa: PLR0913 - whose studies, how, and which of them
    model: CaMChex,
    cohort: Cohort,
    runtime: RuntimeParams,
    swap_seed: int | None = None,
    out: Path | None = None,
    params: PredictionParams = SINGLE,
    *,
    part: Part | None = None,
) -> dict[str, pa.Table]:
    """Predict the development and test studies, and the test studies under counterfactuals.

    Args:
        model: The model.
        cohort: The studies.
        runtime: Section ``runtime``.
        swap_seed: Decides the exchanges; None: no counterfactuals.
        out: As of :func:`predict_variants`.
        params: Section ``prediction``.
        part: As of :func:`predict_variants`.

    Returns:
        Predictions of the studies as they are, under ``PLAIN``, and of the test studies under every
        name of :func:`counterfactuals`: ``schemas.predictions``; of a part, nothing.

    Raises:
        ModelError: If the images do not fit the model.
    """
    plain = cohort_studies(cohort, ["development", "test"])
    tested = tested_rows(plain)
    variants = {PLAIN: Variant(plain, np.arange(len(plain)))}
    if swap_seed is not None:
        variants |= changed_variants(plain, swap_seed, model.classes)
    found = predict_variants(model, variants, runtime, out, params, part=part)
    if part:
        return {}
    test = found[PLAIN].take(pa.array(tested))
    return {
        name: table
        if name == PLAIN
        else replaced(test, np.searchsorted(tested, variants[name].rows), table)
        for name, table in found.items()
    }


def changed_variants(
    plain: StudySamples, swap_seed: int, classes: Sequence[str]
) -> dict[str, Variant]:
    """Make the counterfactuals of the test studies among some studies: those that they change."""
    tested = tested_rows(plain)
    test = plain.take(tested)
    variants = {}
    for name, changed in counterfactuals(test, swap_seed, classes).items():
        rows = changed_texts(test, changed)
        variants[name] = Variant(changed.take(rows), tested[rows])
    return variants


def tested_rows(samples: StudySamples) -> Rows:
    """Find the test studies."""
    return np.flatnonzero(np.array(samples.splits, dtype=str) == "test")


def changed_texts(plain: StudySamples, changed: StudySamples) -> Rows:
    """Find the studies that have other texts in ``changed``, of the same studies in their order."""
    texts = zip(plain.indications, plain.vitals, strict=True)
    others = zip(changed.indications, changed.vitals, strict=True)
    differ = [a != b for a, b in zip(texts, others, strict=True)]
    return np.flatnonzero(differ)


def replaced(table: pa.Table, rows: Rows, by: pa.Table) -> pa.Table:
    """Replace some rows of a table by those of another one, in their order."""
    source = np.arange(len(table))
    source[rows] = len(table) + np.arange(len(rows))
    return pa.concat_tables([table, by]).combine_chunks().take(pa.array(source))
