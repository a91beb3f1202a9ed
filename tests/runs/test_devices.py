"""Which of several processes is the first, beside Lightning's own rule."""

from itertools import product

import pytest
from lightning.fabric.utilities.rank_zero import _get_rank
from torch import distributed

from camchex.runs.devices import RANKS, first_device


def test_the_first_device_is_that_of_lightning_in_every_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for ranks in product((None, "0", "1"), repeat=len(RANKS)):
        with monkeypatch.context() as patch:
            for name, rank in zip(RANKS, ranks, strict=True):
                if rank is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, rank)
            assert first_device() == (not _get_rank()), ranks


def test_once_processes_have_joined_their_group_counts_and_not_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")  # the first process of a second node
    store = distributed.HashStore()
    distributed.init_process_group("fake", store=store, rank=1, world_size=2)
    try:
        assert not first_device()
    finally:
        distributed.destroy_process_group()
    assert first_device()
