"""What two processes do together in ``test_devices``; torchrun or srun starts them.

``python -m torch.distributed.run --nproc-per-node 2 -m tests.training.two_devices FOLDER``
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import distributed, nn

from camchex.errors import ModelError
from camchex.networks.inference import predict
from camchex.networks.samples import ImageDataset, prevalence
from camchex.runs.runtime import RuntimeParams
from camchex.training import learner
from camchex.training.callbacks import Checkpoint
from camchex.training.fit import fit
from camchex.training.task import Task
from tests.training.factories import CLASSES, RUNTIME, SIZE, TRAINING, samples

PARAMS = TRAINING.model_copy(update={"batch_size": 7})  # shares of 4 and 3
TWO = RUNTIME.model_copy(update={"devices": 2})
NOT_A_NUMBER = 11  # the row with a label that is none


def rank() -> str:
    """Number of this process, as torchrun or SLURM gives it."""
    return os.environ.get("RANK") or os.environ.get("SLURM_PROCID", "0")


def network() -> nn.Sequential:
    """Without dropout and batch statistics, which see a share of a batch."""
    torch.manual_seed(PARAMS.seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, stride=4), nn.GELU(), nn.Flatten(), nn.Linear(4 * 16, CLASSES)
    )


def task() -> Task:
    """Labels that are known here and there: seldom in the same number on both devices."""
    train = samples(44, seed=1)
    draw = np.random.default_rng(5)
    known = draw.random(train.targets.shape) < draw.choice([0.05, 0.5, 1.0], (len(train), 1))
    data = ImageDataset([replace(train, targets=np.where(known, train.targets, np.nan))])
    development = ImageDataset([samples(21, seed=2)])
    return Task(network(), nn.Identity(), data, development, prevalence(data.targets))


def train(folder: Path, runtime: RuntimeParams) -> None:
    """Train, and write down the kept weights and the history, as this process has them."""
    learnt = task()
    history = fit(learnt, PARAMS, runtime, folder)
    out = folder / f"process{rank()}"
    out.mkdir(parents=True, exist_ok=True)
    save_file(learnt.network.state_dict(), out / "weights.safetensors")
    (out / "history.json").write_text(json.dumps(history))


def predictions(runtime: RuntimeParams) -> np.ndarray:
    return predict(network(), ImageDataset([samples(75, seed=3)]), runtime)


def diverge(folder: Path, runtime: RuntimeParams) -> str:
    """Train on one label that is infinite; the message."""
    learnt = task()
    learnt.train.targets[NOT_A_NUMBER] = np.inf
    # nan_to_num makes the largest float of it: a loss that overflows.
    try:
        fit(learnt, PARAMS, runtime, folder)
    except ModelError as error:
        return str(error)
    return ""


class Killed(BaseException):
    """Stands for a signal to both processes: nothing in the code under test catches it."""


def train_until_killed(folder: Path, runtime: RuntimeParams) -> None:
    """Train for an epoch, and be killed as soon as its checkpoint is written."""
    save = Checkpoint.on_train_epoch_end

    def die(self: Checkpoint, *args: object) -> None:
        save(self, *args)
        raise Killed

    Checkpoint.on_train_epoch_end = die  # type: ignore[method-assign]
    try:
        train(folder, runtime)
    except Killed:
        distributed.barrier()  # a next training starts when both have ended
        left = sorted(path.name for path in folder.iterdir())
        (folder.parent / f"left{os.environ['RANK']}.json").write_text(json.dumps(left))
    finally:
        Checkpoint.on_train_epoch_end = save  # type: ignore[method-assign]


def straight(folder: Path) -> None:
    """Train without being killed, and predict."""
    train(folder / "straight", TWO)
    np.save(folder / f"predictions{rank()}.npy", predictions(TWO))


def main(folder: Path) -> None:
    """Do all of it."""
    straight(folder)
    train_until_killed(folder / "resumed", TWO)
    train(folder / "resumed", TWO)
    message = diverge(folder / "diverged", TWO)
    (folder / f"message{os.environ['RANK']}.txt").write_text(message)
    learner.weight_of_share = lambda known: torch.ones(())  # noqa: ARG005 - as DDP alone has it
    train(folder / "unweighted", TWO)


if __name__ == "__main__":
    assert SIZE == 16
    torch.set_num_threads(1)
    (straight if "straight" in sys.argv else main)(Path(sys.argv[1]))
