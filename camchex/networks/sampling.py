"""Choice of the rows of each batch: a function of seed, epoch and device, and nothing else."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler


@dataclass(frozen=True)
class BatchRows:
    """Rows of one batch, and the epoch that asks for them."""

    epoch: int
    rows: NDArray[np.int64]


def derived_seed(*parts: int) -> int:
    """Derive a seed of 63 bits from numbers such as (seed, epoch, device)."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


class ShuffledBatches(Sampler[BatchRows]):
    """Batches for training: every row at most once an epoch, in a new order each epoch.

    A last batch that would be incomplete is left out; ``total`` rows that are fewer than a batch
    make one small batch. D ``devices`` share each batch of ``batch_size`` rows (``device`` d, from
    0, takes its rows d, d + D, ...), so their number does not change what is learnt.
    """

    def __init__(
        self, total: int, batch_size: int, seed: int, device: int = 0, devices: int = 1
    ) -> None:
        self.total, self.batch_size, self.seed = total, min(batch_size, total), seed
        self.device, self.devices, self.epoch = device, devices, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.total // self.batch_size

    def __iter__(self) -> Iterator[BatchRows]:
        order = np.random.default_rng(derived_seed(self.seed, self.epoch)).permutation(self.total)
        for number in range(len(self)):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield BatchRows(self.epoch, rows[self.device :: self.devices])


def whole_batches(
    total: int, batch_size: int, device: int = 0, devices: int = 1
) -> list[BatchRows]:
    """Choose the batches for prediction: every row once and in order.

    Device d takes batches d, d + D, ...; batches do not depend on D, the number of devices. So a
    row's result does not depend on it either, to the last bit.
    """
    starts = range(device * batch_size, total, devices * batch_size)
    return [BatchRows(0, np.arange(start, min(start + batch_size, total))) for start in starts]


def equal_shares(total: int, batch_size: int, device: int = 0, devices: int = 1) -> list[BatchRows]:
    """Choose the batches for validation: every row in order, equally many for each device.

    Device d takes rows d, d + D, ...; the first rows are repeated until D devices have as many.
    """
    rows = np.resize(np.arange(total), -(-total // devices) * devices)[device::devices]
    return [BatchRows(0, rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]
