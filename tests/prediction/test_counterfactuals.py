"""Studies with other texts: who may lend to whom, and that nothing else changes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from camchex.fusion.study_data import StudySamples
from camchex.fusion.tokenizer import NO_VITALS
from camchex.prediction.counterfactuals import (
    counterfactuals,
    predict_changed,
    swap_indications,
    swap_vitals,
)
from camchex.prediction.study_predictions import predict_studies
from tests.networks.small import CLASSES, SIZE, camchex
from tests.training.factories import RUNTIME, MemoryStore

TOTAL = 60


def studies() -> StudySamples:
    """Sixty studies of two splits, some in the emergency department, some with an indication."""
    draw = np.random.default_rng(0)
    here, told = draw.random(TOTAL) < 0.5, draw.random(TOTAL) < 0.7
    return StudySamples(
        store=MemoryStore(
            draw.integers(0, 256, (TOTAL, SIZE, SIZE), dtype=np.uint8), [str(i) for i in range(60)]
        ),
        study_ids=[f"s{i}" for i in range(TOTAL)],
        splits=["test"] * 40 + ["development"] * 20,
        rows=[np.array([i]) for i in range(TOTAL)],
        lateral=[np.array([False])] * TOTAL,
        indications=[f"{i} r/o pna" if t else None for i, t in enumerate(told)],
        vitals=[f"Temperature: {i}" if h else NO_VITALS for i, h in enumerate(here)],
        targets=np.zeros((TOTAL, len(CLASSES)), np.float32),
    )


def stratum(of: StudySamples, row: int) -> tuple[str, bool, bool]:
    return of.splits[row], of.vitals[row] != NO_VITALS, of.indications[row] is not None


def test_indications_are_dealt_out_within_split_department_and_presence() -> None:
    plain = studies()
    swapped = swap_indications(plain, seed=1)
    own = {text: row for row, text in enumerate(plain.indications) if text}
    for row, text in enumerate(swapped.indications):
        if text is None:
            assert plain.indications[row] is None
        else:
            assert own[text] != row
            assert stratum(plain, own[text]) == stratum(plain, row)
    assert Counter(swapped.indications) == Counter(plain.indications)
    assert swapped.indications == swap_indications(plain, seed=1).indications
    assert swapped.indications != swap_indications(plain, seed=2).indications


def test_vital_signs_are_dealt_out_among_those_in_the_department() -> None:
    plain = studies()
    swapped = swap_vitals(plain, seed=1)
    own = {text: row for row, text in enumerate(plain.vitals)}
    for row, text in enumerate(swapped.vitals):
        assert (text == NO_VITALS) == (plain.vitals[row] == NO_VITALS)
        if text != NO_VITALS:
            assert own[text] != row
            assert plain.splits[own[text]] == plain.splits[row]
    assert Counter(swapped.vitals) == Counter(plain.vitals)


def test_a_study_alone_in_its_stratum_keeps_its_own() -> None:
    one = studies().take([0])
    assert swap_indications(one, 0).indications == one.indications
    assert swap_vitals(one, 0).vitals == one.vitals


def test_only_the_texts_named_change() -> None:
    plain = studies()
    found = counterfactuals(plain, 0, ["Pneumonia"])
    texts = {"swapped": {"indications"}, "masked": {"indications"}}
    texts |= {"vitals_swapped": {"vitals"}, "without_vitals": {"vitals"}}
    texts |= {"without_text": {"indications", "vitals"}}
    assert set(found) == set(texts)
    for name, changed in found.items():
        differ = {
            f.name for f in fields(plain) if getattr(plain, f.name) is not getattr(changed, f.name)
        }
        assert differ == texts[name]
    assert found["masked"].indications[0] == (None if plain.indications[0] is None else "0 r/o")
    assert set(found["without_text"].indications) == {None}
    assert set(found["without_text"].vitals) == {NO_VITALS}


class WatchedStore(MemoryStore):
    """Images in memory that note which of them are read."""

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        self.read = {*getattr(self, "read", set()), *np.asarray(rows).tolist()}
        return super().batch(rows)


def test_only_changed_studies_are_read_and_every_row_is_as_if_all_were() -> None:
    plain, model = studies().take(range(12)), camchex()
    store = WatchedStore(plain.store.images, plain.store.image_ids)
    changed = replace(plain, indications=["other", None, *plain.indications[2:]])
    known = predict_studies(model, plain, RUNTIME)
    expected = predict_studies(model, changed, RUNTIME)
    found = predict_changed(model, plain, known, replace(changed, store=store), RUNTIME)
    assert store.read == {i for i in range(12) if plain.indications[i] != changed.indications[i]}
    assert found.schema == expected.schema
    assert found["study_id"].equals(expected["study_id"])
    for name in CLASSES:
        np.testing.assert_allclose(found[name].to_numpy(), expected[name].to_numpy(), atol=1e-5)
    assert predict_changed(model, plain, known, plain, RUNTIME) is known
