"""Studies with more images than the fusion takes: some stand for all, or all are read."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from camchex.errors import ParamsError
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import image_groups
from camchex.fusion.study_data import StudyDataset, StudySamples, reader_of
from camchex.fusion.study_fusion import InputTokens
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.inference import predict
from camchex.prediction.batches import autocast, studies_that_fit
from camchex.prediction.kept_batches import prediction_key
from camchex.prediction.params import SINGLE
from camchex.prediction.study_predictions import (
    Variant,
    mean_by_study,
    predict_studies,
    predict_variants,
)
from camchex.runs.parts import Part
from tests.networks.small import CLASSES, INDICATIONS, SIZE, VITALS, camchex
from tests.training.factories import RUNTIME, MemoryStore

ALONE = SINGLE.model_copy(update={"batch_size": 1})
HALF = SINGLE.model_copy(update={"precision": "bf16-mixed"})
LATERAL = [[False], [False, True, True, False, True, False, False], [], [True, False]]


def samples(counts: slice = slice(None)) -> StudySamples:
    """Studies of one, seven, no and two images."""
    lateral = [np.array(views, dtype=bool) for views in LATERAL]
    ends = np.cumsum([0, *map(len, lateral)])
    pixels = np.random.default_rng(3).integers(0, 256, (ends[-1], SIZE, SIZE), dtype=np.uint8)
    return StudySamples(
        store=MemoryStore(pixels, [str(i) for i in range(ends[-1])]),
        study_ids=["a", "b", "c", "d"][counts],
        splits=["test"] * len(lateral[counts]),
        rows=[np.arange(ends[i], ends[i + 1]) for i in range(4)][counts],
        lateral=lateral[counts],
        indications=[*INDICATIONS][counts],
        vitals=VITALS[counts],
        targets=np.zeros((len(lateral[counts]), len(CLASSES)), np.float32),
    )


def predicted(model: CaMChex, of: StudySamples) -> np.ndarray:
    table = predict_studies(model, of, RUNTIME)
    assert table["study_id"].to_pylist() == of.study_ids
    return np.stack([table[name].to_numpy() for name in CLASSES], axis=1)


def only(of: StudySamples, study: int, chosen: list[int]) -> StudySamples:
    """One study with some of its images."""
    values = {
        name: [getattr(of, name)[study]]
        for name in ("study_ids", "splits", "indications", "vitals")
    }
    return StudySamples(
        store=of.store,
        rows=[of.rows[study][chosen]],
        lateral=[of.lateral[study][chosen]],
        targets=of.targets[[study]],
        **values,
    )


@pytest.mark.parametrize("architecture", ["camchex", "mmbt"])
def test_under_average_a_study_has_the_mean_of_the_readings_of_its_groups(
    architecture: str,
) -> None:
    model = camchex(max_images=3, beyond_max_images="average", architecture=architecture)
    all_of_them = samples()
    found = predicted(model, all_of_them)
    groups = image_groups(all_of_them.lateral[1], 3)
    assert len(groups) == 3
    parts = [predicted(model, only(all_of_them, 1, group.tolist())) for group in groups]
    np.testing.assert_allclose(found[1], np.mean(parts, axis=0)[0], atol=1e-5)
    chosen = camchex(max_images=3, architecture=architecture)
    expected = predicted(chosen, all_of_them)
    np.testing.assert_allclose(found[[0, 2, 3]], expected[[0, 2, 3]], atol=1e-5)


def test_a_model_without_images_reads_every_study_once() -> None:
    model = camchex(inputs=["vitals"], max_images=1, beyond_max_images="average")
    expected = predicted(camchex(inputs=["vitals"]), samples())
    np.testing.assert_array_equal(predicted(model, samples()), expected)


def test_no_study_gives_no_row() -> None:
    none = samples(slice(0, 0))
    assert len(predict_studies(camchex(beyond_max_images="average"), none, RUNTIME)) == 0


def test_the_mean_is_that_of_each_study() -> None:
    values = np.array([[1.0], [2.0], [4.0], [5.0]], np.float32)
    found = mean_by_study(values, np.array([0, 1, 1, 2]))
    assert found.tolist() == [[1.0], [3.0], [5.0]]
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"encoders": "shared", "mask_padding": False},
        {"architecture": "mmbt"},
        {"inputs": ["images", "vitals"], "input_heads": True},
        {"inputs": ["indication"]},
    ],
)
def test_shared_maps_and_embeddings_give_the_probabilities_of_whole_studies(
    changes: dict[str, object],
) -> None:
    model, of = camchex(**changes), samples()
    if changes == {"inputs": ["images", "vitals"], "input_heads": True}:
        of = replace(of, vitals=[NO_VITALS, *of.vitals[1:]])
    whole = predict(model, StudyDataset(of, reader_of(model)), RUNTIME)
    np.testing.assert_allclose(predicted(model, of), whole, atol=1e-6)


def test_each_distinct_input_of_a_batch_is_read_by_itself_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, of, read = camchex(input_heads=True), samples(), dict[str, int]()
    alone = model.input_heads.forward

    def counted(name: str, tokens: InputTokens) -> torch.Tensor:
        read[name] = read.get(name, 0) + len(tokens.tokens)
        return alone(name, tokens)

    monkeypatch.setattr(model.input_heads, "forward", counted)
    swapped = replace(of, indications=of.indications[::-1])
    without = replace(of, vitals=[NO_VITALS] * 4)
    variants = [Variant(one, np.arange(4)) for one in (of, swapped, without)]
    predict_variants(model, dict(zip("abc", variants, strict=True)), RUNTIME)
    assert read == {"images": 2 * 4, "indication": 4, "vitals": 4 + 1}  # images and their mirrors


def test_variants_with_other_images_are_predicted_together_as_each_alone() -> None:
    model, of = camchex(), samples()
    frontal = replace(of, lateral=[np.zeros_like(views) for views in of.lateral])
    fewer = replace(of, rows=[rows[:1] for rows in of.rows], lateral=[v[:1] for v in of.lateral])
    variants = {
        "plain": Variant(of, np.arange(4)),
        "frontal": Variant(frontal.take([1, 3]), np.array([1, 3])),
        "fewer": Variant(fewer, np.arange(4)),
        "none": Variant(of.take([]), np.arange(0)),
    }
    for name, table in predict_variants(model, variants, RUNTIME).items():
        samples_of = variants[name].samples
        assert table["study_id"].to_pylist() == samples_of.study_ids
        found = np.stack([table[name].to_numpy() for name in CLASSES], axis=1)
        np.testing.assert_allclose(found, predicted(model, samples_of), atol=1e-6)


def test_an_interrupted_prediction_goes_on_after_the_batches_that_it_had_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, of, out, seen = camchex(), samples(), Path("out.parquet"), []
    of.store.contents = SimpleNamespace(own_sha256="of these images")
    variants = {
        "plain": Variant(of, np.arange(4)),
        "some": Variant(of.take([1, 3]), np.array([1, 3])),
    }
    expected = predict_variants(model, variants, RUNTIME, params=ALONE)

    def stop(_: object, images: tuple[torch.Tensor]) -> None:
        seen.append(len(images[0]))
        if len(seen) == 4:
            raise KeyboardInterrupt

    with model.frontal.register_forward_pre_hook(stop), pytest.raises(KeyboardInterrupt):
        predict_variants(model, variants, RUNTIME, out, ALONE)
    assert seen == [1, 1, 2, 2]  # the first study, and half of the second
    with model.frontal.register_forward_pre_hook(stop):
        found = predict_variants(model, variants, RUNTIME, out, ALONE)
    assert seen[4:] == [2, 2, 1, 1]  # the second, the third without images, and the last
    assert all(found[name].equals(expected[name]) for name in variants)
    assert not [*Path(".camchex/scratch").glob("*/")]


def some_studies() -> dict[str, Variant]:
    of = samples()
    of.store.contents = SimpleNamespace(own_sha256="of these images")
    return {"plain": Variant(of, np.arange(4)), "some": Variant(of.take([1, 3]), np.array([1, 3]))}


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_prediction_in_parts_is_joined_without_a_network_and_has_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.chdir(tmp_path)
    model, variants, out = camchex(), some_studies(), Path("out.parquet")
    expected = predict_variants(model, variants, RUNTIME, params=ALONE)
    kept = [0]
    for number in range(count, 0, -1):  # in whatever order
        assert not predict_variants(model, variants, RUNTIME, out, ALONE, part=Part(number, count))
        kept.append(len([*Path(".camchex/scratch").rglob("*.safetensors")]))
    assert kept[-1] == 4
    assert np.diff(kept).max() <= -(-4 // count)

    def read(*_: object) -> None:
        raise AssertionError

    with model.frontal.register_forward_pre_hook(read):
        found = predict_variants(model, variants, RUNTIME, out, ALONE)
    assert all(found[name].equals(expected[name]) for name in variants)
    assert not [*Path(".camchex/scratch").glob("*/")]


def test_a_part_that_is_lacking_is_predicted_where_the_parts_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, variants, out = camchex(), some_studies(), Path("out.parquet")
    predict_variants(model, variants, RUNTIME, out, ALONE, part=Part(2, 2))
    found = predict_variants(model, variants, RUNTIME, out, ALONE)
    expected = predict_variants(model, variants, RUNTIME, params=ALONE)
    assert all(found[name].equals(expected[name]) for name in variants)


def test_kept_batches_of_another_size_are_not_taken_for_whole_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, variants, out = camchex(), some_studies(), Path("out.parquet")
    predict_variants(model, variants, RUNTIME, out, ALONE, part=Part(1, 1))
    pairs = ALONE.model_copy(update={"batch_size": 2})
    found = predict_variants(model, variants, RUNTIME, out, pairs)
    expected = predict_variants(model, variants, RUNTIME, params=pairs)
    assert all(found[name].equals(expected[name]) for name in variants)


def test_under_autocast_probabilities_are_those_of_single_precision_to_its_rounding() -> None:
    model, of = camchex(), samples()
    whole = {"": Variant(of, np.arange(4))}
    tables = [predict_variants(model, whole, RUNTIME, params=how)[""] for how in (SINGLE, HALF)]
    single, half = (np.stack([t[name].to_numpy() for name in CLASSES], axis=1) for t in tables)
    assert 0 < np.abs(single - half).max() < 2**-7  # bfloat16 has eight significant bits


def test_half_precision_of_a_gpu_is_refused_on_a_cpu() -> None:
    with pytest.raises(ParamsError, match=r"prediction.precision: 16-mixed needs a GPU"):
        autocast(torch.device("cpu"), "16-mixed")


def test_a_batch_takes_at_most_half_of_the_memory_and_never_less_than_a_study() -> None:
    model = camchex(max_images=4)
    for memory, per_image in ((10**6, 10**3), (10**11, 10**8), (10**12, 1), (1, 10**9)):
        studies = studies_that_fit(memory, per_image, model)
        fits = studies * 4 * per_image <= memory / 2
        more = 2 * studies * 4 * per_image <= memory / 2
        assert fits or studies == 1
        assert not more or studies == 256


@pytest.mark.parametrize("changed", ["weights", "texts", "images", "store", "precision"])
def test_kept_batches_of_another_prediction_are_not_read(changed: str) -> None:
    def key(other: str = "") -> str:
        model, of = camchex(), samples()
        of.store.contents = SimpleNamespace(own_sha256="other" if other == "store" else "")
        if other == "weights":
            next(model.frontal.parameters()).data[0] += 1
        if other == "texts":
            of = replace(of, vitals=[*of.vitals[:3], "Temperature: 99.9"])
        if other == "images":
            of = replace(of, lateral=[~views for views in of.lateral])
        precision = "bf16-mixed" if other == "precision" else None
        return prediction_key(model, [(of, np.arange(4))], RUNTIME, precision)

    assert key() == key()
    assert key(changed) != key()
