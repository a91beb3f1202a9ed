"""Which rows make which batch: a function of seed, epoch and device, and of nothing else."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler


@dataclass(frozen=True)
class BatchRows:
    """One batch of a data set: its rows, and the epoch that asks for them."""

    epoch: int
    rows: NDArray[np.int64]


def derived_seed(*parts: int) -> int:
    """A seed of 63 bits from numbers such as (seed, epoch, device)."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


class ShuffledBatches(Sampler[BatchRows]):
    """Every row at most once an epoch, in a new order each epoch; the last odd batch is left out.

    Several devices share each batch, so that their number does not change what is learnt.

    Args:
        total: Rows of the data set; fewer than a batch make one small batch.
        batch_size: Rows per batch, over all devices.
        seed: Of the training.
        device: Number of this device, from 0.
        devices: How many there are.
    """

    def __init__(
        self, total: int, batch_size: int, seed: int, device: int = 0, devices: int = 1
    ) -> None:
        self.total, self.batch_size, self.seed = total, min(batch_size, total), seed
        self.device, self.devices = device, devices
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.total // self.batch_size

    def __iter__(self) -> Iterator[BatchRows]:
        order = np.random.default_rng(derived_seed(self.seed, self.epoch)).permutation(self.total)
        for number in range(len(self)):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield BatchRows(self.epoch, rows[self.device :: self.devices])


class WholeBatches(Sampler[BatchRows]):
    """Every row in order and once; each device takes every so-manieth batch, and that whole.

    So a row is in the same batch whatever the number of devices, to the last bit of its result.
    """

    def __init__(self, total: int, batch_size: int, device: int = 0, devices: int = 1) -> None:
        self.total, self.batch_size = total, batch_size
        self.starts = range(device * batch_size, total, devices * batch_size)

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[BatchRows]:
        for start in self.starts:
            yield BatchRows(0, np.arange(start, min(start + self.batch_size, self.total)))


class OrderedBatches(Sampler[BatchRows]):
    """Every row in order; devices share them, each as many (the first rows fill up the rest)."""

    def __init__(self, total: int, batch_size: int, device: int = 0, devices: int = 1) -> None:
        self.batch_size = batch_size
        self.rows = np.resize(np.arange(total), -(-total // devices) * devices)[device::devices]

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[BatchRows]:
        for start in range(0, len(self.rows), self.batch_size):
            yield BatchRows(0, self.rows[start : start + self.batch_size])
