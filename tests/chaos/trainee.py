"""The training that is killed, which says all the while in which part of it it is."""

import os
import time
from ctypes import c_int
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from camchex.networks.samples import ImageDataset, prevalence
from camchex.training import recipe
from camchex.training.augmentation import Augmentation
from camchex.training.checkpoint import SafeCheckpoints
from camchex.training.learner import Learner
from camchex.training.task import Task
from tests.training.factories import AUGMENTATION, RUNTIME, SIZE, TRAINING, samples, small_network

START, EPOCH, VALIDATION, CHECKPOINT, PUBLISH = range(5)
PARTS = ("start", "epoch", "validation", "checkpoint write", "publication")
EPOCHS = 5
# So slow that every epoch scores better than the last: the weights kept are those of the last.
PARAMS = TRAINING.model_copy(update={"epochs": EPOCHS, "learning_rate": 2e-6})
WIDTH = 12_000  # of a layer that makes the checkpoint large enough to be hit: 16 MB
OUT, CURVES, TIMES, LOG = Path("models/net"), Path("curves"), Path("times"), Path("log")


def part_of(state: int) -> int:
    """The part of a training that a state is in."""
    return state % len(PARTS)


def train(folder: Path, state: c_int) -> None:
    """Train in ``folder``; ``state`` holds epoch and part as one number, at every moment."""
    os.chdir(folder)
    torch.set_num_threads(1)
    os.dup2(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    times = TIMES.open("a")

    def enter(part: int, epoch: int) -> None:
        state.value = epoch * len(PARTS) + part
        times.write(f"{state.value} {time.monotonic()}\n")
        times.flush()

    enter(START, 0)
    _announce(enter)
    how = recipe.Recipe(PARAMS, AUGMENTATION, RUNTIME, OUT, CURVES)
    recipe.train_once(how, _task, Path(__file__), [], [])
    enter(PUBLISH, EPOCHS)


def _task() -> Task:
    torch.manual_seed(PARAMS.seed)
    network = small_network()
    network[5] = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 4))
    images = ImageDataset([samples(96, seed=1)])
    network.image_size = SIZE
    network.save_pretrained = lambda out: save_file(network.state_dict(), out / "model.safetensors")
    return Task(
        network=network,
        augment=Augmentation(AUGMENTATION, SIZE),
        train=images,
        development=ImageDataset([samples(200, seed=2)]),
        prevalence=prevalence(images.targets),
        sources={"memory": len(images)},
    )


def _announce(enter: Any) -> None:  # noqa: ANN401
    """Let the code under test say where it is; what it does stays the same."""
    epoch = 0

    def say(owner: Any, name: str, part: int) -> None:  # noqa: ANN401
        method = getattr(owner, name)

        @wraps(method)
        def announced(*args: object, **options: object) -> object:
            nonlocal epoch
            if isinstance(args[0], Learner):
                epoch = args[0].current_epoch
            enter(part, EPOCHS if part == PUBLISH else epoch)
            return method(*args, **options)

        setattr(owner, name, announced)

    say(Learner, "on_train_epoch_start", EPOCH)
    say(Learner, "on_validation_epoch_start", VALIDATION)
    say(SafeCheckpoints, "save_checkpoint", CHECKPOINT)
    say(recipe, "publish", PUBLISH)
