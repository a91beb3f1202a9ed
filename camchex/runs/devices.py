"""Choice of the device, and the processes that work together, one per device."""

import os
from functools import cache

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from camchex.errors import ParamsError
from camchex.runs.runtime import RuntimeParams


def device_of(runtime: RuntimeParams) -> torch.device:
    """Find the device that ``runtime.accelerator`` names; ``auto``: the fastest that is there.

    Raises:
        ParamsError: If there is no such device, or fewer than ``runtime.devices``, or if torchrun
            started another number of processes.
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
    started = int(os.environ["WORLD_SIZE"]) if TorchElasticEnvironment.detect() else None
    if started not in (None, runtime.processes):
        raise ParamsError(
            f"runtime.devices x runtime.nodes: {runtime.devices} x {runtime.nodes}, but torchrun "
            f"started {started} processes: set them to --nproc-per-node and --nnodes"
        )
    return device


def first_device() -> bool:
    """Whether this process is the first of those that work together; only the first writes."""
    return not getattr(rank_zero_only, "rank", 0)


@cache
def join_processes(runtime: RuntimeParams) -> Fabric:
    """Join the processes of ``runtime``, which are started if need be.

    From here on, each process runs the same code.

    Raises:
        ParamsError: If there are no such devices.
    """
    device = device_of(runtime)
    fabric = Fabric(
        accelerator=device.type,
        devices=runtime.devices,
        num_nodes=runtime.nodes,
        strategy="ddp",
    )
    fabric.launch()
    return fabric
