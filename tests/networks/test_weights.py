"""Files of weights that are not those of a network, in every way that was seen."""

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from camchex.errors import ModelError
from camchex.networks.image_classifier import ImageClassifier
from camchex.networks.image_encoder import ImageEncoder
from camchex.networks.weights import best_fit, read_published, require_finite
from tests.networks.small import ENCODER, SIZE, classifier, encoder_params
from tests.networks.test_image_classifier import BACKBONES, RESNET, VIT

State = dict[str, Tensor]
ATTO = {"backbone": "convnext_atto", "backbone_args": {"depths": [1, 1, 1, 1]}}


def published(changes: dict[str, object]) -> State:
    """Weights of a backbone with its head, as published; no two numbers alike."""
    params = encoder_params(**changes)
    torch.manual_seed(5)
    model = timm.create_model(params.backbone, **params.backbone_args)
    return {
        name: (torch.rand_like(t) + 0.1) / 8 if t.is_floating_point() else t
        for name, t in model.state_dict().items()
    }


def load(state: State, folder: Path, **changes: object) -> ImageEncoder:
    save_file(state, folder / "model.safetensors")
    return classifier(**changes, pretrained=str(folder)).encoder


@pytest.mark.parametrize("changes", BACKBONES)
def test_every_weight_of_a_backbone_comes_from_its_file(
    changes: dict[str, object], tmp_path: Path
) -> None:
    state = published(changes)
    encoder = load(state, tmp_path, **changes)
    for name, tensor in encoder.backbone.state_dict().items():
        assert torch.equal(tensor, state[name]), name


@pytest.mark.parametrize("changes", BACKBONES)
def test_a_backbone_that_lacks_any_one_weight_is_refused(
    changes: dict[str, object], tmp_path: Path
) -> None:
    state = published(changes)
    encoder = classifier(**changes).encoder
    params = encoder_params(**changes, pretrained=str(tmp_path))
    kinds = {
        name.rpartition(".")[0].rpartition(".")[2] + name.rpartition(".")[2]: name
        for name, t in encoder.backbone.state_dict().items()
        if t.is_floating_point()
    }
    for name in kinds.values():  # a norm, a bias, a layer scale, running statistics, ...
        save_file({n: t for n, t in state.items() if n != name}, tmp_path / "model.safetensors")
        with pytest.raises(ModelError, match=rf"1 are missing: {name}"):
            encoder.load_pretrained(params)


def test_a_file_of_the_second_version_is_none_of_the_first(tmp_path: Path) -> None:
    first, second = (
        {"backbone": f"{name}_atto", "backbone_args": {"depths": [1, 1, 1, 1], "dims": [8] * 4}}
        for name in ("convnext", "convnextv2")
    )
    with pytest.raises(ModelError, match=r"not the weights of convnext_atto: .* missing: .*gamma"):
        load(published(second), tmp_path, **first)
    with pytest.raises(ModelError, match=r"are missing: .*grn"):
        load(published(first), tmp_path, **second)


def test_a_file_of_a_deeper_network_is_refused(tmp_path: Path) -> None:
    deeper = {**ATTO, "backbone_args": {"depths": [2, 1, 1, 1]}}
    with pytest.raises(ModelError, match=r"too much: .*stages\.0\.blocks\.1"):
        load(published(deeper), tmp_path, **ATTO)


@pytest.mark.parametrize("prefix", ["module.", "model.", "encoder.", "backbone.", "module.model."])
def test_a_prefix_of_every_name_is_dropped_and_said(
    prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published(RESNET)
    encoder = load({f"{prefix}{n}": t for n, t in state.items()}, tmp_path, **RESNET)
    assert torch.equal(encoder.backbone.conv1[0].weight, state["conv1.0.weight"])
    assert f"read without '{prefix}'" in capsys.readouterr().err


def test_two_networks_in_a_file_are_refused(tmp_path: Path) -> None:
    state = published(RESNET)
    both = {f"{who}.{n}": t.clone() for who in ("student", "teacher") for n, t in state.items()}
    with pytest.raises(ModelError, match=r"too much: student\."):
        load(both, tmp_path, **RESNET)


def test_what_lies_beside_a_network_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published(RESNET) | {"text_model.weight": torch.zeros(1)}
    load(state, tmp_path, **RESNET)
    said = capsys.readouterr().err
    assert "not read" in said
    assert "text_model.weight" in said
    assert "fc.weight" not in said  # the head


def test_a_norm_behind_the_mean_becomes_the_norm_of_each_patch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published({**VIT, "backbone_args": {**VIT["backbone_args"], "global_pool": ""}} and VIT)
    pooled = {
        n.replace("norm.", "fc_norm.") if n.startswith("norm.") else n: t for n, t in state.items()
    }
    encoder = load(pooled, tmp_path, **VIT)
    assert torch.equal(encoder.backbone.norm.weight, state["norm.weight"])
    assert "fc_norm" in capsys.readouterr().err


def test_weights_that_are_not_numbers_are_named(tmp_path: Path) -> None:
    state = published(RESNET)
    state["conv1.0.weight"][0, 0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"conv1\.0\.weight: not all numbers"):
        load(state, tmp_path, **RESNET)
    with pytest.raises(ModelError, match="b: not all"):
        require_finite({"a": torch.zeros(2), "b": torch.tensor([torch.inf])}, "file")


def test_a_model_folder_with_nan_is_refused(tmp_path: Path) -> None:
    model = classifier()
    with torch.no_grad():
        model.decoder.pooling_bias[1] = torch.nan
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"decoder\.pooling_bias: not all numbers"):
        ImageClassifier.from_pretrained(tmp_path)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "a pickle": lambda _: pickle.dumps({"a": 1}),
    "empty": lambda _: b"",
    "cut": lambda whole: whole[: len(whole) // 2],
    "cut in its head": lambda whole: whole[:20],
    "a web page": lambda _: b"<!doctype html><html>" * 10,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_message(kind: str, tmp_path: Path) -> None:
    state = published(RESNET)
    save_file(state, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(BROKEN[kind](whole))
    with pytest.raises(ModelError, match=r"model\.safetensors: not a whole safetensors file"):
        classifier(**RESNET, pretrained=str(tmp_path))


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    save_file({}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="no weights"):
        read_published(tmp_path)


def test_weights_in_parts_are_read_from_their_folder_alone(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "one.safetensors")
    save_file({"b": torch.ones(2)}, tmp_path / "two.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    parts = {"a": "one.safetensors", "b": "two.safetensors"}
    index.write_text(json.dumps({"weight_map": parts}))
    assert sorted(read_published(tmp_path)) == ["a", "b"]
    index.write_text(json.dumps({"weight_map": {"a": "../one.safetensors"}}))
    with pytest.raises(ModelError, match="outside its folder"):
        read_published(tmp_path)
    for text in ("", "[]", "{}"):
        index.write_text(text)
        with pytest.raises(ModelError, match="not an index"):
            read_published(tmp_path)


def test_the_network_s_own_prefix_stays(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["encoder.layer.weight", "encoder.layer.bias", "norm.weight"]

    def load(state: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
        return sorted(state), [name for name in own if name not in state]

    state = {name: torch.zeros(1) for name in own}
    assert best_fit(state, own, load, "file") == sorted(own)
    assert best_fit({"encoder.layer.weight": torch.zeros(1)}, own, load, "file") == own[:1]
    assert not capsys.readouterr().err
    wrapped = {f"encoder.{name}": tensor for name, tensor in state.items()}
    assert best_fit(wrapped, own, load, "file") == sorted(own)
    assert "'encoder.'" in capsys.readouterr().err


@pytest.mark.parametrize("changes", [RESNET, VIT, {}])
def test_weights_that_are_empty_are_refused(changes: dict[str, object], tmp_path: Path) -> None:
    empty = {name: torch.zeros_like(tensor) for name, tensor in published(changes).items()}
    with pytest.raises(ModelError, match="no difference between two images"):
        load(empty, tmp_path, **changes)


def test_normalisation_is_numbers_by_channel() -> None:
    for wrong in ([0, 0, 0], "x", [], [1, "a", 1], [float("inf"), 1, 1]):
        with pytest.raises(ValueError, match=r"(?s)std: expected a number|std\.list.*finite"):
            encoder_params(backbone_args={"std": wrong})
    args = {**ENCODER["backbone_args"], "mean": [0.5]}  # type: ignore[dict-item]
    with pytest.raises(ModelError, match="mean: 1 number, where convnext_atto reads 3 channels"):
        classifier(backbone_args=args)


@pytest.mark.parametrize("key", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"])
def test_arguments_that_unpickle_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        encoder_params(backbone_args={key: "weights.pth"})


@pytest.mark.parametrize("name", ["local-dir:/nowhere/at/all", "hub:x", "local-dir:", "a:b:c"])
def test_a_backbone_that_is_not_there_is_one_message(name: str) -> None:
    with pytest.raises(ModelError, match=r"encoder\.backbone"):
        classifier(backbone=name)


@pytest.mark.parametrize("name", ["local-dir:/tmp", "hf-hub:nobody/nothing", "hf:nobody/nothing"])
def test_a_model_folder_that_names_another_place_asks_nobody(name: str, tmp_path: Path) -> None:
    classifier().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["encoder"] |= {"backbone": name, "backbone_args": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="as its training wrote it"):
        ImageClassifier.from_pretrained(tmp_path)
    config["encoder"] |= {"backbone": "resnet10t", "backbone_args": {"checkpoint_path": "x.pth"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="checkpoint_path"):
        ImageClassifier.from_pretrained(tmp_path)


def test_a_timm_folder_lives_on_in_the_model(tmp_path: Path) -> None:
    args = {"depths": [1, 1, 1, 1], "dims": [8, 8, 8, 16]}
    config = {"architecture": "convnext_atto", "num_classes": 5, "model_args": args}
    config["pretrained_cfg"] = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "num_classes": 5}
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "config.json").write_text(json.dumps(config))
    state = published({"backbone": "convnext_atto", "backbone_args": args})
    save_file(state, tmp_path / "timm" / "model.safetensors")
    name = f"local-dir:{tmp_path / 'timm'}"
    model = classifier(backbone=name, backbone_args={}, pretrained="hub")
    assert torch.equal(model.encoder.backbone.stem[0].weight, state["stem.0.weight"])
    model.save_pretrained(tmp_path / "model")
    for file in (tmp_path / "timm").iterdir():
        file.unlink()
    again = ImageClassifier.from_pretrained(tmp_path / "model")
    images = torch.rand(1, 1, SIZE, SIZE)
    assert torch.equal(again(images), model(images))
    assert again.encoder.std.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])
