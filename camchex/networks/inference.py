"""Probabilities of a trained network, for a whole data set."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from camchex.networks.batches import (
    Batch,
    BatchDataset,
    Floats,
    HasImages,
    in_order,
    map_images,
    to_unit_range,
)
from camchex.runs.devices import device_of, together
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams

BATCH_SIZE = 32  # changes the speed alone


Inputs = Tensor | HasImages


def probabilities(network: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Probabilities (B, Q) in single precision, from logits of any precision."""
    return network(inputs).float().sigmoid()


def flip_average(model: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Probabilities, averaged over the images as they are and flipped left to right.

    Args:
        model: Maps the inputs to logits (B, Q).
        inputs: Images (B, 1, H, W), or studies, all of whose images are flipped.

    Returns:
        (B, Q), single precision.

    Source: CheXFusion and the release (docs/method.md, section 8).
    """
    mirrored = map_images(inputs, lambda images: images.flip(-1))
    return (probabilities(model, inputs) + probabilities(model, mirrored)) / 2


@torch.inference_mode()
def predict(network: nn.Module, data: BatchDataset, runtime: RuntimeParams) -> Floats:
    """Probabilities averaged over each image and its mirror image, (N, Q), rows as in ``data``.

    Several devices share the batches; afterwards each of their processes has every row.

    Raises:
        ParamsError: If there is no such device.

    Source: docs/method.md, section 8 (test-time augmentation of CheXFusion and of the release).
    """
    found = torch.zeros(data.targets.shape)
    if runtime.processes == 1:
        _fill(found, network, in_order(data, BATCH_SIZE, runtime), device_of(runtime))
    else:
        all_ = together(runtime)
        mine = in_order(data, BATCH_SIZE, runtime, all_.global_rank, all_.world_size)
        _fill(found, network, mine, all_.device)
        # Exact: a row is a probability on one device, and zero on every other.
        summed = all_.all_reduce(found.to(all_.device), reduce_op="sum")
        assert isinstance(summed, Tensor)
        found = summed.cpu()
    return found.numpy()


def _fill(
    found: Tensor, network: nn.Module, batches: Iterable[Batch], device: torch.device
) -> None:
    """Write the probabilities of some batches into their rows of ``found``, (N, Q)."""
    network = network.to(device).eval()
    for batch in progress(batches, "predicting"):
        inputs = batch.to(device).map_images(to_unit_range).inputs
        found[batch.rows] = flip_average(network, inputs).float().cpu()
