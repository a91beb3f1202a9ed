"""Probabilities from a network: for one batch, and for a whole data set on all devices."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from camchex.networks.batches import (
    BatchDataset,
    Floats,
    HasImages,
    map_images,
    ordered_loader,
    to_unit_range,
)
from camchex.runs.devices import device_of, join_processes
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams

BATCH_SIZE = 32  # changes nothing but the speed
Inputs = Tensor | HasImages


def probabilities(network: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Compute probabilities (B, Q) in single precision, whatever the precision of the logits."""
    return network(inputs).float().sigmoid()


def flip_average(model: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Average the probabilities of the images as they are and of their mirror images.

    Args:
        model: Maps the inputs to logits (B, Q).
        inputs: Images (B, 1, H, W), or studies, all of whose images are flipped.

    Returns:
        Probabilities (B, Q), single precision.

    Source: CheXFusion and the release (docs/method.md, section 8).
    """
    mirrored = map_images(inputs, lambda images: images.flip(-1))
    return (probabilities(model, inputs) + probabilities(model, mirrored)) / 2


@torch.inference_mode()
def predict(network: nn.Module, data: BatchDataset, runtime: RuntimeParams) -> Floats:
    """Predict a whole data set, averaged over each image and its mirror image.

    Several devices share the batches; afterwards each of their processes has every row.

    Args:
        network: Maps the inputs of a batch to logits (B, Q).
        data: N images or studies.
        runtime: Devices and worker processes.

    Returns:
        Probabilities (N, Q), rows as in ``data``.

    Raises:
        ParamsError: If there is no such device.

    Source: docs/method.md, section 8 (test-time augmentation of CheXFusion and of the release).
    """
    several = join_processes(runtime) if runtime.processes > 1 else None
    device = several.device if several else device_of(runtime)
    share = (several.global_rank, several.world_size) if several else (0, 1)
    network = network.to(device).eval()
    found = torch.zeros(data.targets.shape)
    for batch in progress(ordered_loader(data, BATCH_SIZE, runtime, *share), "predicting"):
        inputs = batch.to(device).map_images(to_unit_range).inputs
        found[batch.rows] = flip_average(network, inputs).cpu()
    if several:
        # Exact: a row is a probability on one device, and zero on every other.
        summed = several.all_reduce(found.to(device), reduce_op="sum")
        assert isinstance(summed, Tensor)
        found = summed.cpu()
    return found.numpy()
