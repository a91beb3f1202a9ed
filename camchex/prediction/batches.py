"""The arithmetic of a prediction on a device, and how many studies its memory holds at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache

import torch

from camchex.errors import ParamsError
from camchex.fusion.camchex import CaMChex
from camchex.networks.inference import BATCH_SIZE
from camchex.networks.params import Precision
from camchex.prediction.params import PredictionParams

DTYPES = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}
PROBED = 4  # images of which the memory is measured
SHARE = 0.5  # of the memory: studies of ``average`` have more images than those that are counted
LARGEST = 256  # studies: more are no faster


def autocast(device: torch.device, precision: Precision | None) -> AbstractContextManager[object]:
    """Compute in a precision, as a training on the device did; None: in single precision.

    Raises:
        ParamsError: If the device lacks the precision.
    """
    if device.type == "cpu" and precision == "16-mixed":
        raise ParamsError(
            "prediction.precision: 16-mixed needs a GPU; on a CPU use bf16-mixed or 32-true"
        )
    dtype = DTYPES.get(precision or "")
    return torch.autocast(device.type, dtype, enabled=dtype is not None)


def studies_per_batch(model: CaMChex, params: PredictionParams) -> Callable[[torch.device], int]:
    """Say how many studies are read at once by a model, once it is on a device.

    A GPU's whole memory decides, not what is free of it: the same kind of GPU makes the same
    batches.
    """

    @cache
    def choose(device: torch.device) -> int:
        if params.batch_size is not None:
            return params.batch_size
        if device.type != "cuda" or not model.image_encoders:
            return BATCH_SIZE
        total = torch.cuda.get_device_properties(device).total_memory
        return studies_that_fit(total, _bytes_of_an_image(model, device, params.precision), model)

    return choose


def studies_that_fit(memory: int, per_image: int, model: CaMChex) -> int:
    """Choose a power of two of studies, whose images take at most ``SHARE`` of some memory.

    Args:
        memory: Bytes of the device.
        per_image: Bytes that the encoding of one image takes.
        model: Says how many images a study has at most.
    """
    studies = int(SHARE * memory / (per_image * model.config.fusion.max_images))
    return 1 << max(0, min(studies, LARGEST).bit_length() - 1)


@torch.inference_mode()
def _bytes_of_an_image(model: CaMChex, device: torch.device, precision: Precision | None) -> int:
    """Measure what the encoding of an image takes, by the encoder that takes most."""
    images = torch.zeros(PROBED, 1, model.image_size, model.image_size, device=device)
    found = 1
    for encoder in model.image_encoders:
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        with autocast(device, precision):
            encoder(images)
        found = max(found, (torch.cuda.max_memory_allocated(device) - before) // PROBED)
    return found
