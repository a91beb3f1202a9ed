"""A checkpoint comes back as it was, is written whole, and holds nothing that could run."""

from pathlib import Path

import pytest
import torch

from camchex.training.checkpoint import SafeCheckpoints

STATE = {
    "epoch": 3,
    "loss": 0.1 + 0.2,
    "nothing": None,
    "yes": True,
    "optimizer": {0: {"step": torch.tensor(5.0), "betas": (0.9, 0.999)}, 1: {}},
    "weights": [torch.arange(6).reshape(2, 3).T, torch.tensor([True]), torch.zeros(0)],
    "half": torch.ones(2, dtype=torch.bfloat16),
}


def test_every_type_and_every_bit_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "last.safetensors"
    SafeCheckpoints().save_checkpoint(STATE, path)
    back = SafeCheckpoints().load_checkpoint(path)
    assert back.keys() == STATE.keys()
    assert back["optimizer"][0]["betas"] == (0.9, 0.999)
    assert back["optimizer"][1] == {}
    assert (back["epoch"], back["loss"], back["nothing"], back["yes"]) == (3, 0.1 + 0.2, None, True)
    for one, other in zip(back["weights"], STATE["weights"], strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
    assert back["half"].dtype == torch.bfloat16


def test_weights_that_share_memory_are_kept_as_two(tmp_path: Path) -> None:
    shared = torch.ones(3)
    SafeCheckpoints().save_checkpoint({"a": shared, "b": shared[:2]}, tmp_path / "x")
    back = SafeCheckpoints().load_checkpoint(tmp_path / "x")
    assert (len(back["a"]), len(back["b"])) == (3, 2)


def test_an_object_that_only_pickle_could_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        SafeCheckpoints().save_checkpoint({"a": object()}, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    for epoch in (1, 2):
        SafeCheckpoints().save_checkpoint({"epoch": epoch}, path)
    assert SafeCheckpoints().load_checkpoint(path) == {"epoch": 2}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    SafeCheckpoints().remove_checkpoint(path)
    assert not path.exists()
