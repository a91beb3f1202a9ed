"""What a data set of ready batches is, and how its batches reach the network."""

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from camchex.errors import ModelError
from camchex.networks.sampling import BatchRows, WholeBatches
from camchex.runs.devices import device_of
from camchex.runs.runtime import RuntimeParams

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
LIGHT_BATCH = 2**20  # bytes; a smaller batch is decoded sooner than a worker process hands it over


class Movable:
    """A dataclass of tensors, and of others like it, that moves as one."""

    def to(self, device: torch.device | str, *, non_blocking: bool = True) -> Self:
        """All of it on another device; from pinned memory, while the host goes on."""
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """All of it in memory that a GPU reads by itself."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change: Callable[[Any], Any]) -> Self:
        parts = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return replace(self, **{name: change(part) for name, part in parts.items()})  # type: ignore[type-var]


class HasImages(Protocol):
    """Inputs of a network whose images can be replaced."""

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The inputs with other images: ``change`` maps (M, 1, H, W) to (M, 1, H', W')."""


@dataclass(frozen=True)
class Batch(Movable):
    """The input of a network, and the labels that it should give.

    Attributes:
        inputs: Grey images (B, 1, H, W), or studies; uint8 until :func:`to_unit_range`.
        targets: Labels, 0 where unknown, (B, Q).
        known: Where a label is known, (B, Q), bool.
        rows: Rows of the data set, (B,), long.
    """

    inputs: Any
    targets: Tensor
    known: Tensor
    rows: Tensor

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with other images: ``change`` maps (M, 1, H, W) to (M, 1, H', W')."""
        return replace(self, inputs=map_images(self.inputs, change))


def map_images(
    inputs: Tensor | HasImages, change: Callable[[Tensor], Tensor]
) -> Tensor | HasImages:
    """Change the images of a network's inputs, which may be nothing but images."""
    return change(inputs) if isinstance(inputs, Tensor) else inputs.map_images(change)


def labelled(inputs: Tensor | HasImages, targets: Floats, rows: Rows) -> Batch:
    """Put inputs and their labels together.

    Args:
        inputs: Of B images or studies.
        targets: Labels of the whole data set, NaN where unknown, (N, Q).
        rows: Rows of the data set that the inputs are, (B,).
    """
    own = targets[rows]
    return Batch(
        inputs=inputs,
        targets=torch.from_numpy(np.nan_to_num(own)),
        known=torch.from_numpy(~np.isnan(own)),
        rows=torch.from_numpy(rows),
    )


class BatchDataset(Sized, Protocol):
    """A data set whose items are whole batches."""

    @property
    def targets(self) -> Floats:
        """Labels, NaN where unknown, (N, Q)."""

    @property
    def image_size(self) -> int:
        """Side of its images, in pixels."""

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Ids of the images or studies of some rows: for this machine's user alone."""

    def __getitem__(self, batch: BatchRows) -> Batch:
        """The batch of some rows."""


def to_unit_range(images: Tensor) -> Tensor:
    """Grey values 0 to 255 as floats from 0 to 1."""
    return images.float() / 255


def check_size(data: BatchDataset, image_size: int) -> None:
    """Refuse images of another size than a network was made for.

    Raises:
        ModelError: If they are.
    """
    if data.image_size != image_size:
        raise ModelError(
            f"the network reads images of {image_size} px, the image store holds "
            f"{data.image_size} px: `dvc repro` makes both anew from images.size"
        )


class _AsDataset(Dataset[Batch]):
    """A :class:`BatchDataset` as torch's loader wants it."""

    def __init__(self, data: BatchDataset) -> None:
        self.data = data

    def __getitem__(self, batch: BatchRows) -> Batch:
        return self.data[batch]


def batch_loader(
    data: BatchDataset, sampler: Sampler[BatchRows], batch_size: int, runtime: RuntimeParams
) -> DataLoader[Batch]:
    """Batches of ``data`` in the order of ``sampler``, whatever the number of workers.

    Worker processes are two batches ahead each; for a GPU a batch waits in pinned memory.
    """
    light = data.image_size**2 * batch_size < LIGHT_BATCH
    workers = 0 if light else runtime.workers
    return DataLoader(
        _AsDataset(data),
        sampler=sampler,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device_of(runtime).type == "cuda",
        generator=torch.Generator(),  # leaves the global random state to the training
    )


def in_order(
    data: BatchDataset, batch_size: int, runtime: RuntimeParams, device: int = 0, devices: int = 1
) -> DataLoader[Batch]:
    """Every row of ``data``, in order; of several devices, this one's batches."""
    batches = WholeBatches(len(data), batch_size, device, devices)
    return batch_loader(data, batches, batch_size, runtime)
