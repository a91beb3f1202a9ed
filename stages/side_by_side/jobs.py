"""How many stages run at a time, unless the user says it."""

import os
import sys
from pathlib import Path

from camchex.profiles.profiles import validate_file

GPUS = (Path("/dev/nvidia0"), Path("/dev/kfd"), Path("/dev/dxg"))
"""Nodes of the drivers of NVIDIA, AMD and WSL: seen at once, where torch takes seconds to load."""


def default_jobs() -> int:
    """One per usable core; one where a GPU trains, since side by side its memory could run out.

    All of params.yaml is validated, so that what only a late stage reads is refused before the
    first one.

    Raises:
        ParamsError: If params.yaml is not valid.
    """
    accelerator = validate_file().runtime.accelerator
    has_gpu = sys.platform == "darwin" or any(path.exists() for path in GPUS)
    if accelerator != "cpu" and (accelerator != "auto" or has_gpu):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
