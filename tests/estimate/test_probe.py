"""A training that is only timed: which steps count, and that they are the training's own."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from camchex.estimate.probe import Timing, Window, repeated, time_training
from camchex.estimate.random_batches import random_images, random_studies
from tests.networks import small
from tests.training.factories import CLASSES, RUNTIME, SIZE, TRAINING


class Counted(nn.Module):
    """A network that says how often it was called, and moves a clock on."""

    image_size = SIZE

    def __init__(self, takes: Iterator[float]) -> None:
        super().__init__()
        self.linear = nn.Linear(SIZE * SIZE, CLASSES)
        self.takes, self.now, self.calls = takes, 0.0, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.now += next(self.takes)
        return self.linear(images.flatten(1))


def timed(takes: list[float], **window: float) -> tuple[Timing, Counted]:
    network = Counted(iter(takes))
    batch = random_images(8, SIZE, CLASSES, np.random.default_rng(0))
    wanted = Window(**window, clock=lambda: network.now)
    task = repeated(network, nn.Identity(), [batch], wanted)
    return time_training(task, TRAINING, RUNTIME, wanted), network


def test_the_steps_after_those_skipped_are_timed() -> None:
    timing, network = timed([100.0, 50.0, 1.0, 2.0, 3.0, 99.0], skip=2, steps=3)
    assert timing == Timing(steps=3, seconds=6.0, warm=True)
    assert timing.seconds_per_step == 2.0
    assert network.calls == 5


def test_no_step_is_begun_after_the_time_is_up() -> None:
    timing, network = timed([1.0, 4.0, 4.0, 4.0, 4.0], skip=1, steps=100, seconds=7.0)
    assert timing == Timing(steps=2, seconds=8.0, warm=True)
    assert network.calls == 3


def test_a_first_step_that_takes_all_the_time_is_what_is_timed() -> None:
    timing, network = timed([60.0, 1.0], skip=1, steps=100, seconds=30.0)
    assert timing == Timing(steps=1, seconds=60.0, warm=False)
    assert network.calls == 1


def test_the_weights_are_trained_while_they_are_timed() -> None:
    torch.manual_seed(0)
    before = Counted(iter([])).linear.weight.clone()
    torch.manual_seed(0)
    _, network = timed([1.0] * 9, skip=1, steps=3)
    assert not torch.equal(network.linear.weight, before)


@pytest.mark.parametrize("most", [4, 2])
def test_studies_of_noise_are_packed(most: int) -> None:
    model = small.camchex(max_images=most)  # reads 16 tokens of an indication, 32 of vital signs
    batch = random_studies((1, 5, 2), model, np.random.default_rng(0))
    counts = [1, most, 2]
    assert torch.bincount(batch.inputs.study).tolist() == counts
    assert batch.inputs.images.shape == (sum(counts), 1, small.SIZE, small.SIZE)
    assert batch.inputs.slot.tolist() == [n for count in counts for n in range(count)]
    assert batch.inputs.indication.mask.sum(1).max() <= 16
    assert batch.inputs.vitals.mask.sum(1).tolist() == [32, 32, 32]
    assert batch.inputs.vitals.ids.max() < model.tokenizer.size
