"""Which of several processes is the first, beside Lightning's own rule, and who started them."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.rank_zero import _get_rank
from torch import distributed

from camchex.errors import ParamsError
from camchex.runs.devices import RANKS, cluster_environments, device_of, first_device
from tests.runs import slurm
from tests.training.factories import RUNTIME

TWO = RUNTIME.model_copy(update={"devices": 2})


def test_the_first_device_is_that_of_lightning_in_every_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for ranks in product((None, "0", "1"), repeat=len(RANKS)):
        with monkeypatch.context() as patch:
            for name, rank in zip(RANKS, ranks, strict=True):
                if rank is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, rank)
            assert first_device() == (not _get_rank()), ranks


def test_once_processes_have_joined_their_group_counts_and_not_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")  # the first process of a second node
    store = distributed.HashStore()
    distributed.init_process_group("fake", store=store, rank=1, world_size=2)
    try:
        assert not first_device()
    finally:
        distributed.destroy_process_group()
    assert first_device()


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without what a cluster that the tests run on says."""
    for name in ("SLURM_STEP_ID", "SLURM_NTASKS", "SLURM_JOB_NAME", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def told(environ: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        environ.setenv(name, value)


def test_where_slurm_is_installed_but_started_nothing_there_is_no_warning_of_it(
    environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\nexit 1\n")
    srun.chmod(0o755)
    environ.setenv("PATH", str(tmp_path))
    with pytest.warns(match="srun"):  # as Lightning looks for SLURM
        SLURMEnvironment.detect()
    assert [type(one) for one in cluster_environments(TWO)] == [LightningEnvironment]


def test_what_srun_starts_is_a_task_and_never_queued_again_within_an_epoch(
    environ: pytest.MonkeyPatch,
) -> None:
    told(environ, slurm.task(1, 2))
    (found,) = cluster_environments(TWO)
    assert isinstance(found, SLURMEnvironment)
    assert not found.auto_requeue
    assert (found.world_size(), found.global_rank()) == (2, 1)
    assert not first_device()


@pytest.mark.parametrize("tasks", [1, 4])
def test_what_the_script_of_a_job_starts_is_alone_whatever_the_tasks_of_the_job(
    environ: pytest.MonkeyPatch, tasks: int
) -> None:
    told(environ, slurm.job(tasks))
    for runtime in (RUNTIME, TWO):
        assert device_of(runtime).type == "cpu"
        assert [type(one) for one in cluster_environments(runtime)] == [LightningEnvironment]
    assert first_device()


@pytest.mark.parametrize("name", ["bash", "interactive"])
def test_a_job_that_is_a_terminal_is_none(environ: pytest.MonkeyPatch, name: str) -> None:
    told(environ, slurm.task(0, 1) | {"SLURM_JOB_NAME": name})
    assert [type(one) for one in cluster_environments(TWO)] == [LightningEnvironment]


def test_torchrun_inside_a_job_starts_the_processes(environ: pytest.MonkeyPatch) -> None:
    told(environ, slurm.task(0, 1) | {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2"})
    assert device_of(TWO).type == "cpu"
    assert cluster_environments(TWO) == []


@pytest.mark.parametrize(
    ("variables", "starter"),
    [
        ({"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "4"}, "torchrun started 4"),
        (slurm.task(0, 4), r"srun started 4 processes: set them to --ntasks-per-node and --nodes"),
    ],
)
def test_another_number_of_processes_than_the_parameters_say_is_refused(
    environ: pytest.MonkeyPatch, variables: dict[str, str], starter: str
) -> None:
    told(environ, variables)
    with pytest.raises(ParamsError, match=rf"1 x 1, but {starter}"):
        device_of(RUNTIME)
    device_of(RUNTIME.model_copy(update={"devices": 2, "nodes": 2}))


def test_several_nodes_that_nobody_started_are_refused(environ: pytest.MonkeyPatch) -> None:
    told(environ, slurm.job(4))
    with pytest.raises(ParamsError, match=r"runtime.nodes: 2, but neither srun nor torchrun"):
        cluster_environments(TWO.model_copy(update={"nodes": 2}))


def test_tasks_that_are_not_counted_by_node_are_refused(environ: pytest.MonkeyPatch) -> None:
    told(environ, slurm.task(0, 2))
    environ.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(ParamsError, match=r"--ntasks-per-node=2"):
        cluster_environments(TWO)
