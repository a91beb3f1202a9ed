"""Choice of the device, and the processes that work together, one per device."""

import os
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import distributed

from camchex.errors import ParamsError
from camchex.runs.runtime import RuntimeParams

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
"""Variables in which torchrun, Lightning, SLURM and LSF number processes, in Lightning's order."""
STARTERS = {"torchrun": "--nproc-per-node and --nnodes", "srun": "--ntasks-per-node and --nodes"}
TERMINALS = ("bash", "interactive")
"""Names of jobs of SLURM that are terminals, by Lightning's rule."""


def device_of(runtime: RuntimeParams) -> torch.device:
    """Find the device that ``runtime.accelerator`` names; ``auto``: the fastest that is there.

    Raises:
        ParamsError: If there is no such device, or fewer than ``runtime.devices``, or if torchrun
            or srun started another number of processes.
    """
    found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if runtime.accelerator not in ("auto", "cpu", found.type):
        raise ParamsError(
            f"runtime.accelerator: there is no {runtime.accelerator} here (found {found.type}); "
            "`auto` takes what is there"
        )
    device = torch.device("cpu") if runtime.accelerator == "cpu" else found
    if device.type == "cuda" and runtime.devices > torch.cuda.device_count():
        raise ParamsError(
            f"runtime.devices: {runtime.devices} asked for, {torch.cuda.device_count()} found"
        )
    starter, started = _starter()
    if started not in (None, runtime.processes):
        raise ParamsError(
            f"runtime.devices x runtime.nodes: {runtime.devices} x {runtime.nodes}, but {starter} "
            f"started {started} processes: set them to {STARTERS[starter]}"
        )
    return device


def first_device() -> bool:
    """Whether this process is the first of those that work together; only the first writes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return int(next((os.environ[name] for name in RANKS if name in os.environ), 0)) == 0


def _starter() -> tuple[str, int | None]:
    """Say who started this process beside others, and how many they are; None: nobody did.

    The script of a job, and what it starts without ``srun``, is alone, whatever the number of tasks
    of the job; so is what is started in a job that is a terminal.
    """
    if distributed.is_available() and distributed.is_torchelastic_launched():
        return "torchrun", int(os.environ["WORLD_SIZE"])
    step = "SLURM_STEP_ID" in os.environ and os.environ.get("SLURM_JOB_NAME") not in TERMINALS
    return "srun", int(os.environ["SLURM_STEP_NUM_TASKS"]) if step else None


def cluster_environments(runtime: RuntimeParams) -> list["ClusterEnvironment"]:
    """Tell Lightning who starts the processes: srun, or the first process of a node the others.

    Lightning itself would take every process of a job for a task of ``srun``, warn wherever SLURM
    is installed, and save checkpoints within an epoch before it queues a job again.

    Raises:
        ParamsError: If nobody started the processes of other nodes, or ``srun`` did with options
            that Lightning does not take.
    """
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    starter, started = _starter()
    if starter == "torchrun" or "JSM_NAMESPACE_RANK" in os.environ:
        return []
    if started is not None:
        try:
            return [SLURMEnvironment(auto_requeue=False)]
        except RuntimeError as error:
            raise ParamsError(f"srun: {error}") from error
    if runtime.nodes > 1 and "NODE_RANK" not in os.environ:
        raise ParamsError(
            f"runtime.nodes: {runtime.nodes}, but neither srun nor torchrun started this process: "
            "docs/scale.md says how, or set 1"
        )
    return [LightningEnvironment()]


@cache
def join_processes(runtime: RuntimeParams) -> "Fabric":
    """Join the processes of ``runtime``, which are started if need be.

    From here on, each process runs the same code.

    Raises:
        ParamsError: If there are no such devices.
    """
    from lightning.fabric import Fabric  # slower to import than torch, and one device needs none

    device = device_of(runtime)
    fabric = Fabric(
        accelerator=device.type,
        devices=runtime.devices,
        num_nodes=runtime.nodes,
        strategy="ddp",
        plugins=[*cluster_environments(runtime)],
    )
    fabric.launch()
    return fabric
