"""Batches of images or studies with labels, and the loaders that bring them to the network."""

from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from camchex.errors import ModelError
from camchex.networks.sampling import BatchRows
from camchex.runs.devices import device_of
from camchex.runs.runtime import RuntimeParams

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
LIGHT_BATCH = 2**20  # bytes; handing over a smaller batch takes longer than decoding it


class Movable:
    """Base of dataclasses whose fields, tensors or other such dataclasses, move together."""

    def to(self, device: torch.device | str, *, non_blocking: bool = True) -> Self:
        """Copy every field to another device; a copy from pinned memory does not block the host."""
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Copy every field to page-locked memory, from which a GPU copies without the CPU."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change: Callable[[Any], Any]) -> Self:
        parts = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return replace(self, **{name: change(part) for name, part in parts.items()})  # type: ignore[type-var]


class HasImages(Protocol):
    """Inputs of a network that hold images among other things, as studies do."""

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Copy with changed images: ``change`` maps (M, 1, H, W) to (M, 1, H', W')."""


@dataclass(frozen=True)
class Batch(Movable):
    """Inputs of a network with their labels."""

    inputs: Any  # grey images (B, 1, H, W), or studies; uint8 until :func:`to_unit_range`
    targets: Tensor  # labels, 0 where unknown, (B, Q)
    known: Tensor  # True where a label is known, (B, Q), bool
    rows: Tensor  # row of each sample in the data set, (B,), long

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Copy with changed images."""
        return replace(self, inputs=map_images(self.inputs, change))


def map_images(
    inputs: Tensor | HasImages, change: Callable[[Tensor], Tensor]
) -> Tensor | HasImages:
    """Change the images of inputs that are images, or that hold images."""
    return change(inputs) if isinstance(inputs, Tensor) else inputs.map_images(change)


def labelled(inputs: Tensor | HasImages, targets: Floats, rows: Rows) -> Batch:
    """Join B inputs with their rows of ``targets``, (N, Q) of the data set, NaN where unknown."""
    own = targets[rows]
    return Batch(
        inputs=inputs,
        targets=torch.from_numpy(np.nan_to_num(own)),
        known=torch.from_numpy(~np.isnan(own)),
        rows=torch.from_numpy(rows),
    )


class BatchDataset(Sized, Protocol):
    """Data set whose items are whole batches."""

    @property
    def targets(self) -> Floats:
        """Labels, NaN where unknown, (N, Q)."""

    @property
    def image_size(self) -> int:
        """Height and width of the images, pixels."""

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Ids of the images or studies in some rows; shown to nobody but this machine's user."""

    def __getitem__(self, batch: BatchRows) -> Batch:
        """Read the batch that consists of some rows."""


def to_unit_range(images: Tensor) -> Tensor:
    """Turn grey values from 0 to 255 into floats from 0 to 1; maps, which are floats, stay."""
    return images if images.is_floating_point() else images.float() / 255


def check_size(data: BatchDataset, image_size: int) -> None:
    """Raise a ModelError if images have another size than the network reads, in pixels."""
    if data.image_size != image_size:
        raise ModelError(
            f"the network reads images of {image_size} px, the image store holds "
            f"{data.image_size} px: `dvc repro` makes both anew from images.size"
        )


def batch_loader(
    data: BatchDataset,
    batches: Sampler[BatchRows] | Sequence[BatchRows],
    batch_size: int,
    runtime: RuntimeParams,
) -> DataLoader[Batch]:
    """Load batches in their given order, which no number of worker processes changes.

    Each worker process reads two batches ahead. For a GPU, batches are loaded into pinned memory.
    """
    light = data.image_size**2 * batch_size < LIGHT_BATCH
    workers = 0 if light else runtime.workers
    return DataLoader(
        cast(Dataset[Batch], data),
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device_of(runtime).type == "cuda",
        generator=torch.Generator(),  # leaves the global random state to the training
    )
