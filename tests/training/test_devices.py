"""Two processes train, score and predict what one does, whether torchrun or srun starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from camchex.errors import ParamsError
from camchex.networks.sampling import ShuffledBatches
from camchex.training.checkpoint import CHECKPOINT
from camchex.training.finite import IDS
from camchex.training.fit import fit
from tests.runs import slurm
from tests.training import two_devices
from tests.training.demo import ROOT
from tests.training.factories import RUNTIME

pytestmark = pytest.mark.slow
TOLERANCE = 2e-5  # of weights of about 0.1; rounding alone differs


def torchrun(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "tests.training.two_devices", str(folder)),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def tasks(folder: Path) -> list[subprocess.Popen[str]]:
    """Start two processes as ``srun`` starts the tasks of a job on one node."""
    command = [sys.executable, "-m", "tests.training.two_devices", str(folder), "straight"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "MASTER"))}
    return [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean | {"OMP_NUM_THREADS": "1"} | slurm.task(number, 2),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (0, 1)
    ]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left; the first training was killed after an epoch, and resumed."""
    folder = tmp_path_factory.mktemp("together")
    done = torchrun(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    two_devices.train(folder, RUNTIME)
    return folder


def weights(folder: Path, process: int = 0) -> dict[str, torch.Tensor]:
    return load_file(folder / f"process{process}" / "weights.safetensors")


def history(folder: Path, process: int = 0) -> list[dict[str, float]]:
    return json.loads((folder / f"process{process}" / "history.json").read_text())


def difference(one: Path, other: Path) -> float:
    pairs = zip(weights(one).values(), weights(other).values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def test_two_devices_learn_the_weights_that_one_learns(together: Path, alone: Path) -> None:
    moved = two_devices.network().state_dict()
    far = max(float((v - moved[n]).abs().max()) for n, v in weights(alone).items())
    assert difference(together / "straight", alone) < TOLERANCE < far / 1000


def test_two_tasks_of_slurm_learn_and_predict_what_two_processes_of_torchrun_do(
    together: Path, tmp_path: Path
) -> None:
    for process in tasks(tmp_path):
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
        assert "srun" not in said
    for process in (0, 1):
        found = weights(tmp_path / "straight", process)
        for name, value in weights(together / "straight", process).items():
            assert torch.equal(value, found[name])
        found_too = (tmp_path / f"predictions{process}.npy").read_bytes()
        assert found_too == (together / f"predictions{process}.npy").read_bytes()


def test_devices_that_count_the_same_however_many_labels_they_know_would_not(
    together: Path, alone: Path
) -> None:
    assert difference(together / "unweighted", alone) > 100 * TOLERANCE


def test_loss_score_and_gradients_of_two_devices_are_those_of_one(
    together: Path, alone: Path
) -> None:
    expected = history(alone)
    for found in (history(together / "straight"), history(together / "straight", 1)):
        assert [list(row) for row in found] == [list(row) for row in expected]
        for row, one in zip(found, expected, strict=True):
            assert row == pytest.approx(one, rel=1e-4)
    assert all(row["development_mAP"] > 0 for row in expected)


def test_a_killed_training_of_two_devices_ends_as_if_it_had_not_been(together: Path) -> None:
    for process in (0, 1):
        left = json.loads((together / f"left{process}.json").read_text())
        assert CHECKPOINT in left  # and nothing that only a whole training writes
        assert f"process{process}" not in left
        for name, value in weights(together / "resumed", process).items():
            assert torch.equal(value, weights(together / "straight", process)[name])
    assert history(together / "resumed") == history(together / "straight")


def test_both_devices_hold_the_same_weights(together: Path) -> None:
    for name, value in weights(together / "straight", 0).items():
        assert torch.equal(value, weights(together / "straight", 1)[name])


def test_two_devices_predict_every_row_once_and_in_order(together: Path) -> None:
    expected = two_devices.predictions(RUNTIME)
    assert len(np.unique(expected[:, 0])) == len(expected)  # a row in another place would show
    for process in (0, 1):
        found = np.load(together / f"predictions{process}.npy")
        assert found.tobytes() == expected.tobytes()


def test_a_non_finite_loss_on_one_device_stops_both_and_names_the_batch_of_both(
    together: Path,
) -> None:
    messages = [(together / f"message{process}.txt").read_text() for process in (0, 1)]
    path = together / "diverged" / "logs" / IDS
    assert messages[0] == messages[1]
    assert str(path) in messages[0]
    sampler = ShuffledBatches(44, 7, two_devices.PARAMS.seed)
    batches = [sorted(batch.rows.tolist()) for batch in sampler]
    step = next(n for n, rows in enumerate(batches) if two_devices.NOT_A_NUMBER in rows)
    assert f"epoch 1, step {step + 1} of {len(batches)}" in messages[0]
    assert path.read_text().split() == [f"1-{row}" for row in batches[step]]


def test_a_batch_that_does_not_reach_every_device_is_refused(tmp_path: Path) -> None:
    runtime = RUNTIME.model_copy(update={"devices": 4, "nodes": 2})
    with pytest.raises(ParamsError, match=r"batch_size.*7.*8 devices"):
        fit(two_devices.task(), two_devices.PARAMS, runtime, tmp_path)
