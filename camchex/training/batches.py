"""What a data set of ready batches is, and how its batches reach the network."""

from collections.abc import Callable, Iterable, Sized
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from camchex.errors import ModelError
from camchex.runtime import RuntimeParams
from camchex.training.device import device_of
from camchex.training.samples import Floats
from camchex.training.sampling import BatchRows, WholeBatches

LIGHT_BATCH = 2**20  # bytes; a smaller batch is decoded sooner than a worker process hands it over


class Batch(Protocol):
    """The network's input, and the labels it should give."""

    @property
    def inputs(self) -> Any:  # noqa: ANN401 - images or studies: what the network takes
        """The input of the network; its images are uint8 until :meth:`map_images`."""

    @property
    def targets(self) -> Tensor:
        """Labels, 0 where unknown, (B, Q)."""

    @property
    def known(self) -> Tensor:
        """Where a label is known, (B, Q), bool."""

    @property
    def rows(self) -> Tensor:
        """Rows of the data set, (B,)."""

    def to(self, device: torch.device) -> Self:
        """The batch on another device."""

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with other images, (M, 1, H, W)."""


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
