"""Where networks run, and which of several processes this one is."""

import os
from functools import cache

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from camchex.errors import ParamsError
from camchex.runs.runtime import RuntimeParams


def device_of(runtime: RuntimeParams) -> torch.device:
    """The device that ``runtime.accelerator`` names; ``auto``: the fastest that is there.

    Raises:
        ParamsError: If it is not there, or not as often as ``runtime.devices`` says, or if
            torchrun started another number of processes.
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
    """Whether this process is the first of those that work together: the one that writes."""
    return not getattr(rank_zero_only, "rank", 0)


@cache
def join_processes(runtime: RuntimeParams) -> Fabric:
    """The processes of ``runtime``, started if need be: from here on each runs the same code.

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
