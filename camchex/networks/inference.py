"""Probabilities from a network: for one batch, and for a whole data set on all devices."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from camchex.networks.sampling import BatchRows, whole_batches
from camchex.runs.devices import device_of, join_processes
from camchex.runs.progress import progress
from camchex.runs.runtime import RuntimeParams

BATCH_SIZE = 32  # changes nothing but the speed
Inputs = Tensor | HasImages
Part = tuple[Tensor, Tensor]
"""Rows of a matrix, (n,), and their values, (n, Q)."""


def probabilities(network: Callable[[Any], Tensor], inputs: Any) -> Tensor:  # noqa: ANN401
    """Compute probabilities (B, Q) in single precision, whatever the precision of the logits."""
    return network(inputs).float().sigmoid()


def mean_of_looks(looks: Sequence[Tensor]) -> Tensor:
    """Average the probabilities (B, Q) of the same B inputs, looked at in several ways.

    Raises:
        ModelError: If one is not a number.
    """
    found = torch.stack([*looks]).sum(0) / len(looks)
    if not bool(found.isfinite().all()):
        raise ModelError(
            "the model gives no number (NaN) for a class: its training diverged, or its weights "
            "are damaged or too large. Take another copy, or train it anew"
        )
    return found


def flip_average(model: Callable[[Any], Tensor], inputs: Inputs) -> Tensor:
    """Average the probabilities (B, Q) of images (B, 1, H, W), or studies, and of their mirrors.

    A model that says that it is not ``mirrored`` has learnt from no mirrored image, and its
    probabilities are those of the images as they are.

    Raises:
        ModelError: If one is not a number.

    Source: CheXFusion and the release (docs/method.md, section 8).
    """
    looks = [inputs]
    if getattr(model, "mirrored", True):
        looks.append(map_images(inputs, lambda images: images.flip(-1)))
    return mean_of_looks([probabilities(model, look) for look in looks])


@torch.inference_mode()
def predict(network: nn.Module, data: BatchDataset, runtime: RuntimeParams) -> Floats:
    """Predict probabilities (N, Q) of N images or studies, as :func:`flip_average`.

    Several devices share the batches; afterwards each of their processes has every row.

    Raises:
        ModelError: If a probability is not a number.
        ParamsError: If there is no such device.

    Source: docs/method.md, section 8 (test-time augmentation of CheXFusion and of the release).
    """

    def by_batch(batches: Sequence[BatchRows], device: torch.device) -> Iterator[Part]:
        for batch in progress(batch_loader(data, batches, BATCH_SIZE, runtime), "predicting"):
            inputs = batch.to(device).map_images(to_unit_range).inputs
            yield batch.rows, flip_average(network, inputs)

    return on_all_devices(network, len(data), data.targets.shape, runtime, by_batch)


def on_all_devices(
    network: nn.Module,
    total: int,
    shape: tuple[int, ...],
    runtime: RuntimeParams,
    by_batch: Callable[[Sequence[BatchRows], torch.device], Iterable[Part]],
    batch_size: Callable[[torch.device], int] = lambda _: BATCH_SIZE,
) -> Floats:
    """Compute the rows of a matrix on all devices, each of which takes some batches.

    Args:
        network: Moved to the device of the process.
        total: Number of inputs, which are divided into batches.
        shape: Shape of the matrix; an input may have any number of its rows.
        runtime: Which devices.
        by_batch: Computes some batches on a device: rows of the matrix, and their values.
        batch_size: Decides how many inputs a batch has, once the network is on the device.

    Returns:
        The matrix, whole in every process.

    Raises:
        ParamsError: If there is no such device.
    """
    several = join_processes(runtime) if runtime.processes > 1 else None
    device = several.device if several else device_of(runtime)
    share = (several.global_rank, several.world_size) if several else (0, 1)
    network.to(device).eval()
    found = torch.zeros(shape)
    for rows, values in by_batch(whole_batches(total, batch_size(device), *share), device):
        found[rows] = values.cpu()
    if several:
        # Exact: a row is a probability on one device, and zero on every other.
        summed = several.all_reduce(found.to(device), reduce_op="sum")
        assert isinstance(summed, Tensor)
        found = summed.cpu()
    return found.numpy()
