"""Where networks run."""

import torch

from camchex.errors import ParamsError
from camchex.runtime import RuntimeParams


def device_of(runtime: RuntimeParams) -> torch.device:
    """The device that ``runtime.accelerator`` names; ``auto``: the fastest that is there.

    Raises:
        ParamsError: If it is not there.
    """
    found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if runtime.accelerator not in ("auto", "cpu", found.type):
        raise ParamsError(
            f"runtime.accelerator: there is no {runtime.accelerator} here (found {found.type}); "
            "write auto or cpu"
        )
    return found if runtime.accelerator == "auto" else torch.device(runtime.accelerator)
