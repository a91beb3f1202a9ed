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

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
"""Variables in which torchrun, Lightning, SLURM and LSF number processes, in Lightning's order."""


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
    by_torchrun = distributed.is_available() and distributed.is_torchelastic_launched()
    started = int(os.environ["WORLD_SIZE"]) if by_torchrun else None
    if started not in (None, runtime.processes):
        raise ParamsError(
            f"runtime.devices x runtime.nodes: {runtime.devices} x {runtime.nodes}, but torchrun "
            f"started {started} processes: set them to --nproc-per-node and --nnodes"
        )
    return device


def first_device() -> bool:
    """Whether this process is the first of those that work together; only the first writes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return int(next((os.environ[name] for name in RANKS if name in os.environ), 0)) == 0


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
    )
    fabric.launch()
    return fabric
