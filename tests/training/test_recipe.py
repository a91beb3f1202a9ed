"""From a recipe to published outputs, once."""

import json
import platform
from pathlib import Path

import pytest
import torch
from torch import nn

from camchex.errors import ModelError
from camchex.training.recipe import Recipe, arithmetic_of, train_once
from camchex.training.task import Task
from tests.training.factories import (
    AUGMENTATION,
    RUNTIME,
    SIZE,
    TRAINING,
    image_task,
    small_network,
)


class Saved(nn.Sequential):
    """A network that reads images of one size and writes itself to a folder."""

    image_size = SIZE

    def save_pretrained(self, folder: Path) -> None:
        torch.save(self.state_dict(), folder / "weights")


def recipe(folder: Path, epochs: int = 1) -> Recipe:
    training = TRAINING.model_copy(update={"epochs": epochs})
    return Recipe(training, AUGMENTATION, RUNTIME, folder / "net", folder / "curves")


def test_what_is_trained_already_is_not_even_prepared_again_unless_a_setting_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared = []

    def prepare() -> Task:
        prepared.append(None)
        return image_task(Saved(*small_network()), nn.Identity())

    for epochs, times in ((1, 1), (1, 1), (2, 2)):
        train_once(recipe(tmp_path, epochs), prepare, Path(__file__), [], [])
        assert len(prepared) == times
    assert {path.name for path in (tmp_path / "net").iterdir()} == {"weights"}
    assert len((tmp_path / "curves/train_loss.tsv").read_text().splitlines()) == 1 + 2


def test_images_of_another_size_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = Saved(*small_network())
    network.image_size = 2 * SIZE
    task = image_task(network, nn.Identity())
    with pytest.raises(ModelError, match=f"{2 * SIZE} px.*{SIZE} px"):
        train_once(recipe(tmp_path), lambda: task, Path(__file__), [], [])
    assert not (tmp_path / "net").exists()


def test_a_training_says_how_many_epochs_it_had_and_how_many_parameters_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = Saved(*small_network())
    network[0].requires_grad_(requires_grad=False)
    before = {name: value.clone() for name, value in network.named_parameters()}
    task = image_task(network, nn.Identity())
    train_once(recipe(tmp_path, 2), lambda: task, Path(__file__), [], [])
    changed = [p.numel() for name, p in network.named_parameters() if not p.equal(before[name])]
    size = json.loads((tmp_path / "curves/size.json").read_text())
    assert size == {"parameters": sum(changed), "epochs": 2}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="portable on x86-64 alone")
def test_arithmetic_is_portable_if_nothing_of_the_machine_is_left_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert arithmetic_of(RUNTIME) == {"portable": True}
    compiled = RUNTIME.model_copy(update={"compile": True})
    own = {
        "portable": False,
        "device": "x86_64 AVX2",
        "devices": 1,
        "threads": 1,
        "torch": torch.__version__,
    }
    assert arithmetic_of(compiled) == own
    with monkeypatch.context() as patch:
        patch.setattr(platform, "machine", lambda: "aarch64")
        assert arithmetic_of(RUNTIME) == own | {"device": "aarch64 AVX2"}
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert arithmetic_of(RUNTIME) == own
