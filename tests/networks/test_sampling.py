"""Rows of each batch: every row reaches a device, and devices change no batch."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.networks.sampling import (
    ShuffledBatches,
    derived_seed,
    equal_shares,
    whole_batches,
)


@given(st.integers(1, 60), st.integers(1, 16), st.integers(1, 3), st.integers(0, 5))
def test_devices_share_each_batch_of_an_epoch_without_overlap(
    total: int, size: int, devices: int, epoch: int
) -> None:
    def batches(device: int, of: int) -> list[list[int]]:
        sampler = ShuffledBatches(total, size, seed=3, device=device, devices=of)
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)
        return [batch.rows.tolist() for batch in sampler]

    alone = batches(0, 1)
    shared = [batches(device, devices) for device in range(devices)]
    together = [sorted(chain(*parts)) for parts in zip(*shared, strict=True)]
    assert [sorted(batch) for batch in alone] == together
    flat = list(chain(*alone))
    assert len(set(flat)) == len(flat) == total // min(size, total) * min(size, total)


def test_every_epoch_has_its_own_order() -> None:
    sampler = ShuffledBatches(50, 10, seed=0)
    first = np.concatenate([b.rows for b in sampler])
    sampler.set_epoch(1)
    assert np.concatenate([b.rows for b in sampler]).tolist() != first.tolist()
    assert derived_seed(1, 11) != derived_seed(11, 1)


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_ordered_batches_reach_every_row_and_all_devices_have_as_many(devices: int) -> None:
    shares = [list(equal_shares(10, 4, device, devices)) for device in range(devices)]
    rows = [np.concatenate([b.rows for b in share]) for share in shares]
    assert len({len(r) for r in rows}) == 1
    assert set(np.concatenate(rows).tolist()) == set(range(10))
    if devices == 1:
        assert rows[0].tolist() == list(range(10))


@pytest.mark.parametrize("total", [1, 31, 32, 33, 200])
@pytest.mark.parametrize("devices", [1, 2, 3, 8])
def test_the_batches_of_all_devices_are_those_of_one(total: int, devices: int) -> None:
    alone = [batch.rows.tolist() for batch in whole_batches(total, 32)]
    shares = [
        [batch.rows.tolist() for batch in whole_batches(total, 32, device, devices)]
        for device in range(devices)
    ]
    assert sorted(rows for share in shares for rows in share) == alone
    assert [row for rows in alone for row in rows] == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
