"""Model folders from anybody: damaged, oversized or foreign ones are refused by name."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from camchex.errors import ModelError
from camchex.fusion.camchex import CaMChex
from camchex.networks import folder as model_folder
from tests.networks.small import camchex, classifier

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
DAMAGED = 60  # folders


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "whole"
    camchex(input_heads=True).save_pretrained(folder)
    return folder


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "model")


def set_key(folder: Path, keys: str, value: object) -> None:
    path = folder / CONFIG
    config: Any = json.loads(path.read_text())
    *before, last = keys.split(".")
    part = config
    for key in before:
        part = part[key]
    part[last] = value
    path.write_text(json.dumps(config))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS)


def never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the reading of a weight an error of its own."""

    def read(path: Path) -> None:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(model_folder, "read_weights", read)


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as error:
        CaMChex.from_pretrained(folder)
    assert str(folder) in str(error.value)


def test_a_class_or_a_key_that_is_there_twice_is_refused(model: Path) -> None:
    path = model / CONFIG
    classes = json.loads(path.read_text())["classes"]
    set_key(model, "classes", [*classes[:-1], classes[0]])
    refused(model, "classes: .* twice")
    path.write_text('{"image_size": 8, ' + path.read_text().lstrip("{"))
    refused(model, "'image_size' is there several times")


def test_a_pickle_in_place_of_weights_is_named_and_never_loaded(model: Path) -> None:
    (model / WEIGHTS).unlink()
    for name in ("pytorch_model.bin", "a.pt", "b.pkl", "c.ckpt"):
        (model / name).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
        refused(model, f"{name}: a pickle can run code and is never loaded")
        (model / name).unlink()


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("fusion.layers", 10**7),
        ("fusion.layers", 10**12),
        ("fusion.ffn", 10**7),
        ("frontal.decoder_width", 2 * 10**7),
        ("frontal.backbone_args.depths", [10**6, 1, 1, 1]),
        ("text_config.num_hidden_layers", 10**6),
        ("text_config.vocab_size", 10**7),
        ("text_config.max_position_embeddings", 10**7),
        ("image_size", 10**7),
        ("fusion.max_images", 10**7),
        ("fusion.text_tokens", 10**7),
    ],
)
def test_a_number_that_would_take_gigabytes_is_refused_before_memory_is_spent(
    model: Path, keys: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_read(monkeypatch)
    set_key(model, keys, value)
    refused(model, r"config\.json")


def test_weights_of_another_network_are_refused_before_they_are_read(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_read(monkeypatch)
    name = "fusion.segments"
    own = load_file(model / WEIGHTS)[name]
    for change, match in (
        (lambda w: w.pop(name), f"lacks {name}"),
        (lambda w: w.update({name: own[:1].clone()}), f"{name} is F32 of shape"),
        (lambda w: w.update({name: own.half()}), f"{name} is F16"),
        (lambda w: w.update({name: own, "more": own.clone()}), "adds more"),
    ):
        change_weights(model, change)
        refused(model, match)


def test_a_weight_that_is_no_number_is_refused(model: Path) -> None:
    change_weights(model, lambda w: w["fusion.segments"].fill_(torch.nan))
    refused(model, "fusion.segments: not all numbers")


def test_a_config_of_another_class_or_with_a_strange_key_is_refused(
    model: Path, tmp_path: Path
) -> None:
    set_key(model, "strange", 1)
    refused(model, "not a CaMChexConfig.*strange: Extra inputs")
    classifier().save_pretrained(tmp_path / "image")
    shutil.copy(tmp_path / "image" / CONFIG, model / CONFIG)
    refused(model, "not a CaMChexConfig")


def test_the_tokenizer_of_another_model_is_refused(model: Path) -> None:
    definition = json.loads((model / TOKENIZER).read_text())
    definition["model"]["vocab"]["word"] = len(definition["model"]["vocab"])
    (model / TOKENIZER).write_text(json.dumps(definition))
    refused(model, "tokenizer of another model")


def test_a_link_out_of_the_folder_is_refused_and_the_caches_are_not(
    model: Path, tmp_path: Path
) -> None:
    for name in (CONFIG, TOKENIZER, WEIGHTS):
        outside = tmp_path / f"secret-{name}"
        (model / name).rename(outside)
        (model / name).symlink_to(outside)
        refused(model, "is a link out of its folder")
        (model / name).unlink()
        outside.rename(model / name)
    blobs, snapshot = tmp_path / "hub/blobs", tmp_path / "hub/snapshots/abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for name in (CONFIG, TOKENIZER, WEIGHTS):
        (model / name).rename(blobs / name)
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    assert CaMChex.from_pretrained(snapshot).classes


def test_a_pipe_is_not_waited_for(model: Path) -> None:
    (model / TOKENIZER).unlink()
    os.mkfifo(model / TOKENIZER)
    refused(model, "no regular file")


def test_an_oversized_file_is_refused_by_its_size(model: Path) -> None:
    for name in (TOKENIZER, WEIGHTS):
        before = (model / name).read_bytes()
        with (model / name).open("r+b") as file:
            file.truncate(2**35)  # sparse: takes no room on the disk
        refused(model, "at most")
        (model / name).write_bytes(before)


def damage(content: bytearray, rng: random.Random) -> None:
    """Cut a file, change some of its bytes, empty it, or lengthen it."""
    match rng.choice(["cut", "bytes", "header", "empty", "longer"]):
        case "cut":
            del content[rng.randrange(len(content)) :]
        case "bytes":
            for place in rng.choices(range(len(content)), k=20):
                content[place] = rng.randrange(256)
        case "header":
            content[rng.randrange(min(600, len(content)))] = rng.randrange(256)
        case "empty":
            content.clear()
        case "longer":
            content += bytes(rng.randrange(1, 9))


def test_every_damaged_folder_is_a_model_error_or_the_whole_model(
    whole: Path, tmp_path: Path
) -> None:
    rng = random.Random(0)  # noqa: S311 - no secret
    for number in range(DAMAGED):
        folder = shutil.copytree(whole, tmp_path / str(number))
        path = folder / rng.choice([CONFIG, TOKENIZER, WEIGHTS])
        content = bytearray(path.read_bytes())
        damage(content, rng)
        path.write_bytes(content)
        try:
            CaMChex.from_pretrained(folder)
        except ModelError as error:
            assert str(folder) in str(error)  # noqa: PT017 - whole models raise nothing
        shutil.rmtree(folder)
