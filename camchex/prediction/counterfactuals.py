"""The test studies as they might have been: other indications or vital signs, or none.

What a model's score owes to a text is what it loses when the text is another study's, or gone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.contract import schemas
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_samples import StudySamples
from camchex.prediction.study_predictions import predict_studies
from camchex.runs.runtime import RuntimeParams
from camchex.texts.vitals_text import vitals_text

NO_VITALS = vitals_text({}, None)
"""What the model reads of a study outside the emergency department: NA in every field."""
Mask = Callable[[str | None], str | None]


def counterfactuals(samples: StudySamples, seed: int, mask: Mask) -> dict[str, StudySamples]:
    """Every variation of some studies that the audit scores.

    Args:
        samples: The studies.
        seed: Of the swaps.
        mask: Gives an indication without the words that name a finding.

    Returns:
        ``swapped``, ``masked`` (indications), ``vitals_swapped``, ``without_vitals``, and
        ``without_text``, in which neither is left. All are texts that training showed too: that
        of a study without an indication, and that of one outside the emergency department.
    """
    nothing: list[str | None] = [None] * len(samples)
    no_vitals = [NO_VITALS] * len(samples)
    return {
        "swapped": swap_indications(samples, seed),
        "masked": replace(samples, indications=[mask(text) for text in samples.indications]),
        "vitals_swapped": swap_vitals(samples, seed),
        "without_vitals": replace(samples, vitals=no_vitals),
        "without_text": replace(samples, indications=nothing, vitals=no_vitals),
    }


def swap_indications(samples: StudySamples, seed: int) -> StudySamples:
    """Give every study the indication of a random study that is like it in what may be told.

    Studies exchange texts within a stratum: the same split, both in the emergency department or
    both not, and both with an indication. So neither whether there is one, nor where the patient
    was, changes with it.

    Source: docs/method.md, section 10 (audit vi: shuffle indications between studies).
    """
    strata = list(
        zip(
            samples.splits,
            in_emergency_department(samples),
            [text is not None for text in samples.indications],
            strict=True,
        )
    )
    donors = _donors(strata, seed)
    return replace(samples, indications=[samples.indications[i] for i in donors])


def swap_vitals(samples: StudySamples, seed: int) -> StudySamples:
    """Give every study of the emergency department all vital signs, and the sex, of another.

    That the patient was there is still told; how the patient was is not.

    Source: docs/method.md, section 10 (4: vital signs reveal the emergency department).
    """
    strata = list(zip(samples.splits, in_emergency_department(samples), strict=True))
    donors = _donors(strata, seed)
    return replace(samples, vitals=[samples.vitals[i] for i in donors])


def in_emergency_department(samples: StudySamples) -> list[bool]:
    """Whether anything is known of a stay, for each study."""
    return [text != NO_VITALS for text in samples.vitals]


def _donors(strata: Sequence[object], seed: int) -> NDArray[np.intp]:
    """For every study another of its stratum, each once; a study alone in it keeps its own."""
    draw = np.random.default_rng(seed)
    donors = np.arange(len(strata))
    members: dict[object, list[int]] = {}
    for row, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(row)
    for rows in members.values():  # in the order of the studies
        around = draw.permutation(rows)
        donors[around] = np.roll(around, 1)  # one cycle: no study keeps its own
    return donors


def predict_changed(
    model: CaMChex,
    plain: StudySamples,
    known: pa.Table,
    changed: StudySamples,
    runtime: RuntimeParams,
) -> pa.Table:
    """Probabilities of changed studies (``schemas.predictions``); who reads as before is not read.

    Args:
        model: The model.
        plain: The studies as they are.
        known: Their probabilities, in the same order.
        changed: The same studies with other texts.
        runtime: Where it runs.
    """
    texts = zip(plain.indications, plain.vitals, strict=True)
    others = zip(changed.indications, changed.vitals, strict=True)
    rows = [i for i, (a, b) in enumerate(zip(texts, others, strict=True)) if a != b]
    if not rows:
        return known
    found = predict_studies(model, select(changed, rows), runtime)
    source = np.arange(len(plain))
    source[rows] = len(plain) + np.arange(len(rows))
    both = pa.concat_tables([known, found]).combine_chunks()
    return both.take(pa.array(source)).cast(schemas.predictions(model.classes))


def select(samples: StudySamples, rows: Sequence[int]) -> StudySamples:
    """Some of the studies, in the given order."""
    return StudySamples(
        store=samples.store,
        study_ids=[samples.study_ids[i] for i in rows],
        splits=[samples.splits[i] for i in rows],
        rows=[samples.rows[i] for i in rows],
        lateral=[samples.lateral[i] for i in rows],
        indications=[samples.indications[i] for i in rows],
        vitals=[samples.vitals[i] for i in rows],
        targets=samples.targets[list(rows)],
    )
