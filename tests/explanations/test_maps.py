"""Maps and texts: a model made by hand is explained by what its answer depends on."""

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation

from camchex.explanations import maps, texts
from camchex.explanations.answer import Answer
from camchex.explanations.maps import METHODS, hidden_squares
from camchex.explanations.measured.pointing import scores
from camchex.fusion.study_batch import StudyBatch
from tests.explanations.made import PATCH, SIGN, WORD, made
from tests.networks.small import SIZE, VITALS, camchex, only, studies, tokenizer

INDICATION = "fall from a ladder , rib pain on the left ."
FIELDS = "Temperature: 98.6 | Heart rate: 81.0 | Gender: F"


def study(*, lit: bool = True) -> StudyBatch:
    """A frontal and a lateral image, grey noise with a bright patch in both."""
    batch = only(studies(), [0])
    images = 0.3 * batch.images
    if lit:
        images[:, 0, *PATCH] = 1.0
    read = tokenizer()
    return StudyBatch(
        images, batch.study, batch.slot, batch.lateral,
        read.encode([INDICATION], 16), read.encode([FIELDS], 32),
    )  # fmt: skip


def patch() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[PATCH] = True
    return mask


def test_hidden_squares_cover_every_place_and_lie_alike_in_the_mirror() -> None:
    for side in (32, 50, 64):
        squares = hidden_squares(side)
        assert (squares.sum(0) > 0).all()
        assert {tuple(s.flatten().tolist()) for s in squares} == {
            tuple(s.flip(-1).flatten().tolist()) for s in squares
        }


@pytest.mark.parametrize("method", [m for m in METHODS if m not in {"grad_cam"}])
def test_a_map_finds_the_only_patch_that_a_model_looks_at(method: str) -> None:
    answer = Answer(made(), study())
    found = METHODS[method](answer, 0, [0])[0]
    assert scores(found, patch())["hit"] == 1
    assert scores(found, patch())["energy"] > 5 * patch().mean()


@pytest.mark.parametrize("method", METHODS)
def test_what_a_model_does_not_look_at_has_an_empty_map(method: str) -> None:
    answer = Answer(made(), study())
    assert np.abs(METHODS[method](answer, 1, [0])).max() < 1e-6  # the lateral image
    assert np.abs(METHODS[method](answer, 0, [1, 2])).max() < 1e-6  # findings of the texts


@pytest.mark.parametrize("method", ["occlusion", "saliency", "gradient_times_map"])
def test_a_map_lies_on_the_image_also_where_a_model_reads_the_mirror_image_too(method: str) -> None:
    found = METHODS[method](Answer(made(mirrored=True), study()), 0, [0])[0]
    # The mirror of the patch is looked at as well, since the answer is their mean.
    looked_at = patch() | patch()[:, ::-1]
    assert scores(found, looked_at)["hit"] == 1
    flipped = study()
    flipped = flipped.map_images(lambda images: images.flip(-1))
    mirrored = METHODS[method](Answer(made(mirrored=True), flipped), 0, [0])[0]
    np.testing.assert_allclose(mirrored[:, ::-1], found, atol=1e-5)


def test_occlusion_is_captums() -> None:
    answer = Answer(camchex(input_heads=True), study())
    image = answer.batch.images[:1]
    found = maps.occlusion(answer, 0, [0, 2])
    squares = hidden_squares(SIZE)
    both = image.repeat(2, 1, 1, 1)  # one for each finding
    with torch.no_grad():
        ablation = FeatureAblation(lambda images: answer.of_one_image(0, images))
        lost = torch.stack([
            ablation.attribute(
                both, image.mean(), [0, 2], feature_mask=square.long()[None, None]
            )[:, 0, square][:, 0]
            for square in squares
        ])  # fmt: skip
    for place in range(2):
        expected = (lost[:, place, None, None] * squares).sum(0) / squares.sum(0)
        np.testing.assert_allclose(found[place], expected.numpy(), atol=1e-5)


def test_the_only_word_that_a_model_knows_is_found() -> None:
    answer = Answer(made(), study())
    words = texts.words_of(INDICATION)
    for method in (texts.words_left_out, texts.words_alone):
        effects = method(answer, (INDICATION, FIELDS), [1, 2])
        expected = np.where(np.array(words) == WORD, 3.0, 0.0)
        np.testing.assert_allclose(effects[0], expected, atol=1e-5)
        assert np.abs(effects[1]).max() < 1e-6


def test_the_only_vital_sign_that_a_model_knows_is_found() -> None:
    answer = Answer(made(), study())
    for method in (texts.vitals_left_out, texts.vitals_alone):
        effects = method(answer, (INDICATION, FIELDS), [2, 1])
        expected = [-3.0 if value == SIGN else 0.0 for _, value in texts.fields_of(FIELDS)]
        np.testing.assert_allclose(effects[0], expected, atol=1e-5)
        assert np.abs(effects[1]).max() < 1e-6


def test_integrated_gradients_of_words_add_up_to_what_the_words_changed() -> None:
    model = camchex(input_heads=True)
    batch = only(studies(), [1])
    answer = Answer(model, batch)
    given = "fall from a ladder , rib pain on the left ."
    found = texts.words_by_gradients(answer, (given, VITALS[1]), [0, 1, 2])
    ids = batch.indication.ids.clone()
    ids[:, 1:-1] = model.tokenizer.padding
    mask = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        positions = torch.arange(ids.shape[1])
        nothing = model.text.read_out(model.text.words(ids), mask, positions)
        changed = answer.as_given() - answer.of_embeddings({"indication": nothing})[0]
    assert found.shape == (3, len(texts.words_of(given)))
    np.testing.assert_allclose(
        found.sum(1), changed.numpy(), atol=0.02 * float(changed.abs().max())
    )


def test_a_word_or_a_value_is_left_out_of_its_text() -> None:
    assert texts.without_word("chest pain .", 0) == "pain ."
    assert texts.without_word("pain", 0) is None
    assert texts.without_field(FIELDS, 1) == "Temperature: 98.6 | Heart rate: NA | Gender: F"
    assert texts.fields_of(FIELDS)[2] == ("Gender", "F")
