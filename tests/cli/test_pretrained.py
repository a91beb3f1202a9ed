"""Published models that params.yaml names, and pickles made into safetensors."""

import pickle
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from camchex.cli.pretrained import check_pretrained, convert_pickle
from camchex.errors import ModelError
from tests.cli.test_cli import Camchex, camchex, edit
from tests.networks.small import SIZE, classifier, encoder_params, text_params
from tests.networks.test_backbones import saved
from tests.networks.test_transformers_backbone import publish

__all__ = ["camchex"]
BERT = BertConfig(
    vocab_size=80,
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=8,
    max_position_embeddings=40,
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> NoReturn:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(HfApi, "model_info", unreachable)


def test_a_pickle_becomes_the_same_weights_as_safetensors(camchex: Camchex, tmp_path: Path) -> None:
    state = BertModel(BERT).state_dict()
    state["tied"] = state["embeddings.word_embeddings.weight"]  # of one memory, as heads are
    torch.save(state, tmp_path / "pytorch_model.bin")
    status, said, _ = camchex("convert-text", str(tmp_path))
    assert status == 0
    assert f"text.model can be {tmp_path}" in said
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    status, _, said = camchex("convert-text", str(tmp_path))
    assert (status, "is there already" in said) == (1, True)


@pytest.mark.parametrize("wrap", [lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
def test_weights_inside_a_checkpoint_are_found(wrap: object, tmp_path: Path) -> None:
    assert callable(wrap)
    torch.save(wrap({"a": torch.ones(2)}), tmp_path / "pytorch_model.bin")
    assert [*load_file(convert_pickle(tmp_path))] == ["a"]


def test_a_pickle_in_parts_is_joined(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "one.bin")
    torch.save({"b": torch.ones(1)}, tmp_path / "two.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text('{"weight_map": {"a": "one.bin", "b": "two.bin"}}')
    assert sorted(load_file(convert_pickle(tmp_path))) == ["a", "b"]
    (tmp_path / "model.safetensors").unlink()
    index.write_text('{"weight_map": {"a": "../one.bin"}}')
    with pytest.raises(ModelError, match="outside its folder"):
        convert_pickle(tmp_path)


class Code:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('the code ran')",))


def test_what_is_no_pickle_of_tensors_alone_is_refused_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pytorch_model.bin"
    whole = tmp_path / "whole"
    torch.save({"a": torch.ones(1000)}, whole)
    contents = {
        "code": pickle.dumps({"a": Code()}),
        "empty": b"",
        "cut": whole.read_bytes()[:900],
        "text": b"<html>",
        "a list": pickle.dumps([1, 2]),
        "a number": pickle.dumps({"a": 1}),
        "nothing": pickle.dumps({}),
    }
    for content in contents.values():
        path.write_bytes(content)
        with pytest.raises(ModelError, match=str(tmp_path)):
            convert_pickle(tmp_path)
    torch.save({"a": torch.tensor([torch.nan])}, path)
    with pytest.raises(ModelError, match="a: not all numbers"):
        convert_pickle(tmp_path)
    torch.save({"a": torch.ones(1), "step": 3}, path)
    with pytest.raises(ModelError, match="more than tensors: step"):
        convert_pickle(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match=r"no pytorch_model\.bin"):
        convert_pickle(tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_check_says_which_models_cannot_be_had(camchex: Camchex, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    edit(params, "model: tiny", "model: nobody/nothing")
    edit(params, "pretrained: none", "pretrained: nowhere/at/all")
    status, said, _ = camchex("check")
    assert status == 1
    said = " ".join(said.split())
    assert "text.model: cannot be had" in said
    assert "encoder: cannot be had" in said
    assert "network" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [("convnext_atto ", "convnext_ato "), ("output_stride", "output_strid")],
)
def test_check_names_a_backbone_that_cannot_be_built(
    old: str, new: str, camchex: Camchex, tmp_path: Path
) -> None:
    assert "encoder:" not in camchex("check")[1]
    edit(tmp_path / "params.yaml", old, new)
    status, said, _ = camchex("check")
    assert (status, "encoder: cannot be had" in said, new.strip() in said) == (1, True, True)


def test_heads_that_do_not_divide_the_channels_of_the_encoder_are_refused() -> None:
    channels = classifier().encoder.channels
    fits, misfit = (
        check_pretrained(encoder_params(), text_params(), SIZE, heads)["encoder"]
        for heads in (channels, channels + 1)
    )
    assert fits is None
    assert (misfit or "").startswith(f"fusion.heads: {channels + 1} do not divide")


def test_models_in_folders_are_built_and_probed(tmp_path: Path) -> None:
    saved("bert", tmp_path / "text")
    publish("vit", tmp_path / "vit")
    encoder = encoder_params(backbone=f"hf:{tmp_path / 'vit'}", pretrained="hub", backbone_args={})
    text = text_params(model=str(tmp_path / "text"))
    assert check_pretrained(encoder, text, SIZE) == {"encoder": None, "text.model": None}
    for folder in ("text", "vit"):
        (tmp_path / folder / "model.safetensors").write_bytes(b"cut")
    found = check_pretrained(encoder, text, SIZE)
    assert all("not a whole safetensors file" in (said or "") for said in found.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"pretrained": "hub", "backbone_args": {}},
        {"backbone": "hf:microsoft/rad-dino", "pretrained": "hub", "backbone_args": {}},
        {"backbone": "hf-hub:timm/resnet10t.c3_in1k", "pretrained": "hub", "backbone_args": {}},
        {"backbone": "of_dreams", "pretrained": "hub", "backbone_args": {}},
        {"backbone": "local-dir:/nowhere", "backbone_args": {}},
    ],
)
def test_an_encoder_that_cannot_be_had_is_one_message(changes: dict[str, object]) -> None:
    found = check_pretrained(encoder_params(**changes), text_params(), SIZE)
    assert found["text.model"] is None
    assert "encoder." in (found["encoder"] or "")
