"""Augmentation is deterministic, per image, within range, and off where its chance is zero."""

import pytest
import torch

from camchex.training.augmentation import Augmentation, change_some
from camchex.training.params import AugmentationParams
from tests.training.factories import AUGMENTATION

OFF = {
    "crop_scale": (1.0, 1.0),
    "crop_ratio": (1.0, 1.0),
    "flip_p": 0.0,
    "affine_p": 0.0,
    "brightness_contrast_p": 0.0,
    "distort_p": 0.0,
    "noise_p": 0.0,
}
SIZE = 16


def augmentation(**values: object) -> Augmentation:
    params = AUGMENTATION.model_dump() | OFF | values
    return Augmentation(AugmentationParams(**params), SIZE)


def images(count: int = 8) -> torch.Tensor:
    return torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


EVERYTHING = {
    "crop_scale": (0.8, 1.0),
    "flip_p": 0.5,
    "affine_p": 1.0,
    "brightness_contrast_p": 1.0,
    "distort_p": 1.0,
    "noise_p": 1.0,
}


def test_nothing_changes_where_every_chance_is_zero() -> None:
    torch.testing.assert_close(augmentation()(images()), images(), atol=1e-5, rtol=0)


def test_a_certain_flip_mirrors_every_image() -> None:
    flipped = augmentation(flip_p=1.0)(images())
    torch.testing.assert_close(flipped, images().flip(-1), atol=1e-5, rtol=0)


def test_the_same_seed_gives_the_same_images_and_another_one_others() -> None:
    augment = augmentation(**EVERYTHING)
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(augment(images()))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_every_change_does_something_and_stays_within_the_grey_range(name: str) -> None:
    augment = augmentation(**{name: 1.0 if name.endswith("_p") else EVERYTHING[name]})
    for seed in range(5):
        torch.manual_seed(seed)
        changed = augment(images())
        assert changed.shape == images().shape
        assert 0 <= changed.min() <= changed.max() <= 1
        assert (changed - images()).abs().mean() > 1e-3


def test_brightness_and_contrast_are_one_gain_andchange_somefset_per_image() -> None:
    torch.manual_seed(0)
    middle = 0.5 + 0.1 * (images() - 0.5)  # far from black and white: nothing is cut off
    changed = augmentation(brightness_contrast_p=1.0)(middle)
    for before, after in zip(middle.flatten(1), changed.flatten(1), strict=True):
        gain = (after.max() - after.min()) / (before.max() - before.min())
        offset = after.mean() - gain * before.mean()
        assert 0.8 <= gain <= 1.2
        assert -0.2 <= offset <= 0.2
        torch.testing.assert_close(after, gain * before + offset, atol=1e-4, rtol=0)


def test_the_border_is_mirrored_and_not_black() -> None:
    white = torch.ones(16, 1, SIZE, SIZE)
    changed = augmentation(affine_p=1.0, rotate_degrees=45.0, shift=0.2)(white)
    torch.testing.assert_close(changed, white, atol=1e-4, rtol=0)


def test_each_image_gets_at_mostchange_some_the_choices() -> None:
    torch.manual_seed(0)
    zeros = torch.zeros(3000, 1, 1, 1)
    changed = change_some(zeros, [lambda x: x + 1, lambda x: x + 10], 0.6).flatten()
    shares = [(changed == value).float().mean().item() for value in (0, 1, 10)]
    assert shares == pytest.approx([0.4, 0.3, 0.3], abs=0.03)


def test_a_batch_without_images_passes() -> None:
    nothing = torch.zeros(0, 1, 1, 1)
    assert augmentation(**EVERYTHING)(nothing) is nothing


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop_scale": (0.9, 0.8)},
        {"crop_scale": (0.5, 1.1)},
        {"crop_ratio": (0.0, 1.0)},
        {"flip_p": 1.1},
        {"rotate_degrees": -1.0},
        {"blur": 1},
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AugmentationParams(**(AUGMENTATION.model_dump() | wrong))
