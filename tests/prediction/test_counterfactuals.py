"""Studies with other texts: who may lend to whom, and that nothing else changes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pyarrow as pa

from camchex.contract import schemas
from camchex.contract.labels import MIMIC_14
from camchex.fusion.study_data import StudySamples
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.samples import Cohort
from camchex.prediction.counterfactuals import (
    PLAIN,
    counterfactuals,
    predict_cohort,
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
    """Images in memory that note which of them are read, each time."""

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        self.read = [*getattr(self, "read", []), *np.asarray(rows).tolist()]
        return super().batch(rows)


def cohort(of: StudySamples, store: MemoryStore) -> Cohort:
    columns = {
        "study_id": of.study_ids,
        "patient_id": of.study_ids,
        "split": of.splits,
        "image_ids": [[str(row) for row in rows] for rows in of.rows],
        "views": [["lateral" if side else "frontal" for side in sides] for sides in of.lateral],
        "indication": of.indications,
        "vitals_text": of.vitals,
        **{name: [0.0] * len(of) for name in CLASSES},
        **{f"mimic14.{name}": [None] * len(of) for name in MIMIC_14},
    }
    return Cohort(pa.table(columns, schema=schemas.cohort(CLASSES)), store, CLASSES)


def test_every_counterfactual_is_predicted_as_if_it_were_the_study_and_no_image_is_read_twice() -> (
    None
):
    plain, model, seen = studies(), camchex(), []
    model.frontal.register_forward_hook(lambda _, images, __: seen.append(len(images[0])))
    store = WatchedStore(plain.store.images, plain.store.image_ids)
    changed = predict_cohort(model, cohort(plain, store), RUNTIME, swap_seed=3)
    table = changed.pop(PLAIN)
    assert sorted(store.read) == [*range(TOTAL)]
    assert sum(seen) == 2 * TOTAL
    assert table.equals(predict_studies(model, plain, RUNTIME))
    test = plain.take(range(40))
    for name, samples in counterfactuals(test, 3, CLASSES).items():
        expected = predict_studies(model, samples, RUNTIME)
        assert changed[name].schema == expected.schema
        assert changed[name]["study_id"].equals(expected["study_id"])
        for column in CLASSES:
            found, wanted = changed[name][column].to_numpy(), expected[column].to_numpy()
            np.testing.assert_allclose(found, wanted, atol=1e-6, err_msg=name)
    assert not changed["without_text"].equals(table.slice(0, 40))


def test_without_a_seed_there_are_no_counterfactuals() -> None:
    plain = studies()
    (table,) = predict_cohort(camchex(), cohort(plain, plain.store), RUNTIME).values()
    assert len(table) == TOTAL
