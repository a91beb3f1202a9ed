"""Probabilities from a network: for one batch, and for a whole data set on all devices."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from camchex.errors import ModelError
from camchex.networks import portable as portable  # decides what computes linear layers and roots
from camchex.networks.batches import (
    BatchDataset,
    Floats,
    HasImages,
    batch_loader,
    map_images,
    to_unit_range,
)
from camchex.networks.sampling import whole_batches
from camchex.runs.devices import device_of, join_processes
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams

BATCH_SIZE = 32  # changes nothing but the speed
Inputs = Tensor | HasImages


def probabilities(network: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Compute probabilities (B, Q) in single precision, whatever the precision of the logits."""
    return network(inputs).float().sigmoid()


def flip_average(model: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Average the probabilities (B, Q) of images (B, 1, H, W), or studies, and of their mirrors.

    A model that says that it is not ``mirrored`` has learnt from no mirrored image, and its
    probabilities are those of the images as they are.

    Raises:
        ModelError: If one is not a number.

    Source: CheXFusion and the release (docs/method.md, section 8).
    """
    found = probabilities(model, inputs)
    if getattr(model, "mirrored", True):
        mirrors = map_images(inputs, lambda images: images.flip(-1))
        found = (found + probabilities(model, mirrors)) / 2
    if not bool(found.isfinite().all()):
        raise ModelError(
            "the model gives no number (NaN) for a class: its training diverged, or its weights "
            "are damaged or too large. Take another copy, or train it anew"
        )
    return found


@torch.inference_mode()
def predict(network: nn.Module, data: BatchDataset, runtime: RuntimeParams) -> Floats:
    """Predict probabilities (N, Q) of N images or studies, as :func:`flip_average`.

    Several devices share the batches; afterwards each of their processes has every row.

    Raises:
        ModelError: If a probability is not a number.
        ParamsError: If there is no such device.

    Source: docs/method.md, section 8 (test-time augmentation of CheXFusion and of the release).
    """
    several = join_processes(runtime) if runtime.processes > 1 else None
    device = several.device if several else device_of(runtime)
    share = (several.global_rank, several.world_size) if several else (0, 1)
    network = network.to(device).eval()
    found = torch.zeros(data.targets.shape)
    batches = whole_batches(len(data), BATCH_SIZE, *share)
    for batch in progress(batch_loader(data, batches, BATCH_SIZE, runtime), "predicting"):
        inputs = batch.to(device).map_images(to_unit_range).inputs
        found[batch.rows] = flip_average(network, inputs).cpu()
    if several:
        # Exact: a row is a probability on one device, and zero on every other.
        summed = several.all_reduce(found.to(device), reduce_op="sum")
        assert isinstance(summed, Tensor)
        found = summed.cpu()
    return found.numpy()
