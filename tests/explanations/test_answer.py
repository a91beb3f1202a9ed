"""The answer to a study with exchanged parts is what the model predicts of that study."""

from dataclasses import replace

import pytest
import torch

from camchex.explanations.answer import Answer
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from camchex.networks.inference import flip_average
from tests.networks.small import SIZE, camchex, only, studies

KINDS = {
    "plain": {},
    "input heads": {"input_heads": True},
    "shared encoder": {"encoders": "shared"},
    "learnt padding": {"mask_padding": False},
    "mmbt": {"architecture": "mmbt", "inputs": ["images", "indication"]},
    "images alone": {"inputs": ["images"]},
    "texts alone": {"inputs": ["indication", "vitals"]},
}


def predicted(model: CaMChex, batch: StudyBatch) -> torch.Tensor:
    with torch.no_grad():
        return flip_average(model, batch).double().logit()


@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS.keys())
def test_the_answer_is_the_log_odds_of_the_prediction(changes: dict[str, object]) -> None:
    model = camchex(**changes)
    for number in (0, 3):
        batch = only(studies(), [number])
        answer = Answer(model, batch)
        torch.testing.assert_close(
            answer.as_given()[None], predicted(model, batch), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("changes", [KINDS["plain"], KINDS["input heads"]], ids=["plain", "heads"])
def test_exchanged_images_are_read_as_if_they_were_the_studys_own(
    changes: dict[str, object],
) -> None:
    model = camchex(**changes)
    batch = only(studies(), [3])
    other = torch.rand(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
    answer = Answer(model, batch)
    with torch.no_grad():
        found = answer.of_one_image(1, other)
        again = answer.of_joined_maps(1, answer.joined_maps(1, other))
    for place in range(2):
        images = batch.images.clone()
        images[1] = other[place]
        expected = predicted(model, replace(batch, images=images))[0]
        torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(again, found, atol=1e-9, rtol=0)


def test_exchanged_texts_are_read_as_if_they_were_the_studys_own() -> None:
    model = camchex(input_heads=True)
    batch, others = only(studies(), [3]), studies()
    with torch.no_grad():
        found = Answer(model, batch).of_texts(others.indication, others.vitals)
    for number in range(4):
        own = only(studies(), [number])
        changed = replace(batch, indication=own.indication, vitals=own.vitals)
        torch.testing.assert_close(found[number], predicted(model, changed)[0], atol=1e-5, rtol=0)


def test_groups_of_images_are_averaged() -> None:
    model = camchex(input_heads=True)
    two = only(studies(), [0, 0])
    groups = replace(only(studies(), [0, 1]), indication=two.indication, vitals=two.vitals)
    expected = flip_average(model, groups).double().mean(0).logit()
    found = Answer(model, groups)
    torch.testing.assert_close(found.as_given(), expected, atol=1e-5, rtol=0)
    with torch.no_grad():
        same = found.of_texts(only(studies(), [0]).indication,
                              only(studies(), [0]).vitals)  # fmt: skip
    torch.testing.assert_close(same[0], expected, atol=1e-5, rtol=0)


def test_gradients_reach_the_image_through_heads_that_the_training_cuts_off() -> None:
    answer = Answer(camchex(input_heads=True), only(studies(), [0]))
    images = answer.batch.images[None].clone().requires_grad_()
    (slope,) = torch.autograd.grad(answer.of_images(images)[0, 1], images)
    step = 1e-2 * slope.sign()
    with torch.no_grad():
        higher, lower = (answer.of_images(images + s)[0, 1] for s in (step, -step))
    assert float(higher - lower) == pytest.approx(2 * float((slope * step).sum()), rel=0.05)
