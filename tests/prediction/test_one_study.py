import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from camchex.contract.image_store import ImagePreparation
from camchex.errors import DataError, ModelError
from camchex.images.jpeg import prepared_pixels
from camchex.images.unreadable import Note
from camchex.prediction.one_study import (
    ImageNotes,
    StudyInput,
    load,
    predict_study,
    study_batch,
)
from tests.networks.small import CLASSES, SIZE, camchex

PREPARATION = ImagePreparation(size=SIZE, fit="stretch", jpeg_quality=95)


def picture(path: Path, seed: int, shape: tuple[int, int] = (50, 40)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def study(tmp_path: Path) -> StudyInput:
    return StudyInput(
        images=[
            (picture(tmp_path / "pa.png", 1), "frontal"),
            (picture(tmp_path / "ll.png", 2), "lateral"),
        ],
        indication="___ year old woman with chest pain  // ?PNA",
        vitals={"temperature_f": 98.6, "heart_rate_bpm": 80},
        gender="F",
    )


def test_a_study_is_given_a_probability_for_every_class(study: StudyInput) -> None:
    found = predict_study(camchex(), study)
    assert list(found) == list(CLASSES)
    assert all(0 < probability < 1 for probability in found.values())


def test_probabilities_are_the_mean_of_the_study_and_its_mirror_image(study: StudyInput) -> None:
    model = camchex()
    batch = study_batch(model, study)
    mirrored = replace(batch, images=batch.images.flip(-1))
    with torch.no_grad():
        expected = (model(batch).sigmoid() + model(mirrored).sigmoid())[0] / 2
    found = torch.tensor(list(predict_study(model, study).values()))
    torch.testing.assert_close(found, expected)


def test_decisions_on_images_that_contradict_themselves_are_handed_back(
    study: StudyInput, tmp_path: Path
) -> None:
    twelve_bits = np.asarray(Image.open(study.images[0][0])).astype(np.uint16) * 16
    path = tmp_path / "twelve_bits.png"
    Image.fromarray(twelve_bits).save(path)
    notes: ImageNotes = {}
    predict_study(camchex(), replace(study, images=[*study.images, (path, "frontal")]), notes)
    assert notes == {path: [Note.DEEP_PNG]}


def test_a_study_is_prepared_as_the_training_data_were(study: StudyInput) -> None:
    batch = study_batch(camchex(), study)
    expected = prepared_pixels(study.images[1][0], PREPARATION) / np.float32(255)
    assert batch.images.shape == (2, 1, SIZE, SIZE)
    assert np.array_equal(batch.images[1, 0].numpy(), expected)
    assert batch.lateral.tolist() == [False, True]
    model = camchex()
    expected_text = "year old woman with chest pain pna ."
    assert torch.equal(batch.indication.ids, model.tokenizer.encode([expected_text], 16).ids)
    line = (
        "Temperature: 98.6 | Heart rate: 80.0 | Respiratory rate: NA | O2 Saturation: NA | "
        "Systolic BP: NA | Diastolic BP: NA | Gender: F"
    )
    assert torch.equal(batch.vitals.ids, model.tokenizer.encode([line], 32).ids)


def test_the_preparation_is_that_of_the_model(study: StudyInput) -> None:
    padded = camchex()
    preparation = padded.config.preparation.model_copy(update={"fit": "pad", "cleaner": "minimal"})
    padded.config = padded.config.model_copy(update={"preparation": preparation})
    batch = study_batch(padded, study)
    assert batch.images[0, 0, :, 0].max() < 4 / 255  # the margin of a portrait image, as JPEG
    expected = padded.tokenizer.encode(["year old woman with chest pain // ?PNA"], 16)
    assert torch.equal(batch.indication.ids, expected.ids)


@pytest.mark.parametrize("indication", [None, "", "___", " . "])
def test_without_an_indication_the_placeholder_is_read(indication: str | None) -> None:
    model = camchex()
    batch = study_batch(model, StudyInput(indication=indication))
    expected = model.tokenizer.encode(["No clinical history available."], 16)
    assert torch.equal(batch.indication.ids, expected.ids)


def test_whatever_is_known_of_a_study_is_enough(study: StudyInput) -> None:
    model = camchex()
    found = [
        predict_study(model, StudyInput()),
        predict_study(model, replace(study, images=[])),
        predict_study(model, replace(study, indication=None)),
        predict_study(model, replace(study, vitals=None, gender=None)),
    ]
    assert len({tuple(one.values()) for one in found}) == len(found)


def test_a_model_of_images_alone_needs_one(study: StudyInput) -> None:
    model = camchex(inputs=["images"])
    predict_study(model, study)
    with pytest.raises(ModelError, match="no image"):
        predict_study(model, replace(study, images=[]))


def test_a_model_of_texts_alone_opens_no_image(study: StudyInput, tmp_path: Path) -> None:
    model = camchex(inputs=["indication"])
    unreadable = replace(study, images=[(tmp_path / "nowhere.png", "frontal")])
    assert predict_study(model, unreadable) == predict_study(model, study)


def test_of_too_many_images_both_views_are_read(tmp_path: Path) -> None:
    model = camchex(max_images=2, segments="by_slot")
    many = [(picture(tmp_path / f"{i}.png", i), "frontal") for i in range(3)]
    lateral = (picture(tmp_path / "ll.png", 9), "lateral")
    batch = study_batch(model, StudyInput(images=[*many, lateral]))
    assert batch.lateral.tolist() == [False, True]
    assert torch.equal(batch.images, study_batch(model, StudyInput([many[0], lateral])).images)
    notes: ImageNotes = {}
    predict_study(model, StudyInput(images=[*many, lateral]), notes)
    unread = "not read: the model takes 2 images of a study"
    assert notes == {path: [unread] for path, _ in many[1:]}


def test_under_average_all_images_are_read_in_groups(tmp_path: Path) -> None:
    images = [(picture(tmp_path / f"{i}.png", i), "frontal") for i in range(3)]
    images += [(picture(tmp_path / f"ll{i}.png", 7 + i), "lateral") for i in range(2)]
    model = camchex(max_images=3, beyond_max_images="average")
    groups = [[images[0], images[2], images[4]], [images[1], images[3]]]
    parts = [list(predict_study(model, StudyInput(group)).values()) for group in groups]
    found = list(predict_study(model, StudyInput(images)).values())
    np.testing.assert_allclose(found, np.mean(parts, axis=0), atol=1e-6)
    few = StudyInput(images[:3], indication="fever")
    chosen = list(predict_study(camchex(max_images=3), few).values())
    assert list(predict_study(model, few).values()) == pytest.approx(chosen, abs=1e-6)


def test_predicting_leaves_the_model_as_it_was(study: StudyInput) -> None:
    model = camchex().train()
    first = predict_study(model, study)
    assert model.training
    assert predict_study(model, study) == first  # no dropout either


def test_a_trained_model_is_loaded_from_its_folder(study: StudyInput, tmp_path: Path) -> None:
    model = camchex()
    model.save_pretrained(tmp_path / "model")
    assert predict_study(load(tmp_path / "model"), study) == predict_study(model, study)


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="dvc repro"):
        load(tmp_path / "nowhere")
    camchex().save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json"):
        load(tmp_path)


def test_a_model_of_an_older_version_is_refused_by_what_its_config_lacks(tmp_path: Path) -> None:
    camchex().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["preparation"]["jpeg_quality"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ModelError, match=r"config\.json.*version.*(?s:.)*preparation\.jpeg_quality"
    ):
        load(tmp_path)


def test_inputs_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="oblique"):
        StudyInput(images=[(tmp_path / "a.png", "oblique")])  # type: ignore[list-item]
    with pytest.raises(DataError, match="'female'"):
        StudyInput(gender="female")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="pulse"):
        predict_study(camchex(), StudyInput(vitals={"pulse": 80}))
    for value in (float("nan"), float("inf"), -5.0, 0, True, "98"):
        with pytest.raises(DataError, match=r"heart_rate_bpm=.*expected a number above 0"):
            StudyInput(vitals={"heart_rate_bpm": value})  # type: ignore[dict-item]
    with pytest.raises(DataError, match=r"temperature_f=36\.6 looks like degrees Celsius.* 97\.9"):
        StudyInput(vitals={"temperature_f": 36.6})
    with pytest.raises(DataError, match="indication: half a character behind 5 letters"):
        StudyInput(indication="fever\udfff")
    broken = tmp_path / "broken.png"
    broken.write_text("not an image")
    with pytest.raises(DataError, match=r"broken\.png"):
        predict_study(camchex(), StudyInput(images=[(broken, "frontal")]))
