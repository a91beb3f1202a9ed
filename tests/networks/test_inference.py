import pytest
import torch
from torch import Tensor

from camchex.errors import ModelError
from camchex.fusion.study_batch import StudyBatch
from camchex.networks.inference import flip_average
from tests.networks.small import camchex, classifier, only, studies


def left_edge(images: Tensor) -> Tensor:
    """A model that sees nothing but the left column."""
    return images[:, 0, :, :1].mean(1)


def test_probabilities_of_both_sides_are_averaged_not_logits() -> None:
    images = torch.zeros(1, 1, 4, 4)
    images[..., 0], images[..., -1] = 3.0, -1.0
    expected = (torch.tensor(3.0).sigmoid() + torch.tensor(-1.0).sigmoid()) / 2
    torch.testing.assert_close(flip_average(left_edge, images), expected.reshape(1, 1))


@torch.no_grad()
def test_a_mirror_image_is_given_the_same_probabilities() -> None:
    model, images = classifier(), torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(flip_average(model, images), flip_average(model, images.flip(-1)))
    assert not torch.allclose(model(images), model(images.flip(-1)))


@torch.no_grad()
def test_a_model_trained_without_mirrored_images_reads_them_as_they_are() -> None:
    model, images = classifier(), torch.rand(2, 1, 32, 32)
    model.config = model.config.model_copy(update={"mirrored": False})
    assert torch.equal(flip_average(model, images), model(images).sigmoid())


@torch.no_grad()
def test_every_image_of_a_study_is_flipped_and_nothing_else() -> None:
    model, batch = camchex(), only(studies(), [0, 3])
    seen: list[StudyBatch] = []

    def watched(inputs: StudyBatch) -> Tensor:
        seen.append(inputs)
        return model(inputs)

    flip_average(watched, batch)
    straight, flipped = seen
    assert torch.equal(flipped.images, straight.images.flip(-1))
    assert flipped.indication is straight.indication
    assert flipped.lateral is straight.lateral


def test_half_precision_logits_give_single_precision_probabilities() -> None:
    images = torch.rand(1, 1, 4, 4)
    found = flip_average(lambda x: left_edge(x).bfloat16(), images)
    assert found.dtype == torch.float32


def test_no_prediction_is_not_a_number() -> None:
    images = torch.zeros(2, 1, 4, 4)
    images[1, 0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match="no number"):
        flip_average(left_edge, images)
    model = classifier()
    with torch.no_grad():
        model.decoder.embed.weight.fill_(3e38)  # finite, as every weight of a loaded model is
        model.decoder.embed.weight[::2] *= -1
    with pytest.raises(ModelError, match="no number"):
        flip_average(model, torch.rand(1, 1, 32, 32))
