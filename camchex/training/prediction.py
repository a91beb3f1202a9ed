"""Probabilities of a trained network for a whole data set, outside of any training."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from camchex.models.tta import flip_average
from camchex.progress import progress
from camchex.runtime import RuntimeParams
from camchex.training.batches import Batch, BatchDataset, in_order, to_unit_range
from camchex.training.device import device_of, together
from camchex.training.samples import Floats

BATCH_SIZE = 32  # changes the speed alone


@torch.inference_mode()
def predict(network: nn.Module, data: BatchDataset, runtime: RuntimeParams) -> Floats:
    """Probabilities averaged over each image and its mirror image, (N, Q), rows as in ``data``.

    Several devices share the batches; afterwards each of their processes has every row.

    Raises:
        ParamsError: If there is no such device.

    Source: method, section 8 (test-time augmentation of CheXFusion and of the release).
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
