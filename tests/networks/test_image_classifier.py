from pathlib import Path
from typing import NoReturn

import pytest
import timm
import torch
from huggingface_hub import HfApi
from safetensors.torch import load_file, save_file

from camchex.errors import ModelError
from camchex.networks import image_encoder
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from tests.networks.small import CLASSES, SIZE, classifier, encoder_params

RESNET_ARGS: dict[str, object] = {"channels": [8, 8, 16, 16]}
RESNET: dict[str, object] = {"backbone": "resnet10t", "backbone_args": RESNET_ARGS}
VIT_ARGS: dict[str, object] = {"img_size": SIZE, "embed_dim": 16, "depth": 1, "num_heads": 2}
VIT: dict[str, object] = {"backbone": "vit_tiny_patch16_224", "backbone_args": VIT_ARGS}
SWIN: dict[str, object] = {
    "backbone": "swin_tiny_patch4_window7_224",
    "backbone_args": {
        "img_size": SIZE,
        "window_size": 2,
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [1, 2],
    },
}
BACKBONES: list[dict[str, object]] = [{}, RESNET, VIT, SWIN]


@torch.no_grad()
@pytest.mark.parametrize("changes", BACKBONES)
def test_any_backbone_gives_a_map_and_one_logit_per_class(changes: dict[str, object]) -> None:
    model, images = classifier(**changes), torch.rand(2, 1, SIZE, SIZE)
    count, channels, rows, columns = model.encoder(images).shape
    assert [count, channels] == [2, model.encoder.channels]
    assert rows == columns > 0
    assert model(images).shape == (2, len(CLASSES))


@torch.no_grad()
def test_what_a_transformer_says_of_a_patch_keeps_its_place() -> None:
    images = torch.rand(1, 1, SIZE, SIZE)
    vit = classifier(**VIT)
    tokens = vit.encoder.backbone.forward_features((images - vit.encoder.mean) / vit.encoder.std)
    assert tokens.shape == (1, 5, 16)  # the class token first: it has no place
    torch.testing.assert_close(vit.encoder(images)[0, :, 1, 0], tokens[0, 1 + 2])
    swin = classifier(**SWIN)
    maps = swin.encoder.backbone.forward_features((images - swin.encoder.mean) / swin.encoder.std)
    torch.testing.assert_close(swin.encoder(images)[0, :, 1, 0], maps[0, 1, 0])


@torch.no_grad()
def test_features_of_a_convnext_are_those_before_its_last_norm() -> None:
    params = encoder_params()
    torch.manual_seed(3)
    reference = timm.create_model(params.backbone, **params.backbone_args).eval()
    model = classifier(3)
    images = torch.rand(2, 1, SIZE, SIZE)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for name, tensor in model.encoder.backbone.state_dict().items():
        reference.state_dict()[name].copy_(tensor)
    expected = reference.stages(reference.stem((images.expand(-1, 3, -1, -1) - mean) / std))
    torch.testing.assert_close(model.encoder(images), expected)
    assert not any("head" in name for name, _ in model.encoder.named_parameters())


@pytest.mark.parametrize("changes", BACKBONES)
def test_every_weight_is_used(changes: dict[str, object]) -> None:
    model = classifier(**changes)
    model(torch.rand(2, 1, SIZE, SIZE)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@torch.no_grad()
def test_an_image_does_not_depend_on_its_batch() -> None:
    model, images = classifier(), torch.rand(3, 1, SIZE, SIZE)
    torch.testing.assert_close(model(images)[1:2], model(images[1:2]))


@torch.no_grad()
def test_the_head_is_told_where_a_feature_lies() -> None:
    model = classifier()
    maps = model.encoder(torch.rand(1, 1, SIZE, SIZE))
    moved = maps.roll(1, dims=2)  # the same features in other rows
    alike = [model.decoder(m.flatten(2).transpose(1, 2)) for m in (maps, moved)]
    torch.testing.assert_close(*alike)
    model.encoder.forward = lambda images: images  # type: ignore[method-assign]
    assert not torch.allclose(model(maps), model(moved))


@torch.no_grad()
def test_a_saved_classifier_predicts_the_same_and_saves_the_same_bytes(tmp_path: Path) -> None:
    model, images = classifier(), torch.rand(2, 1, SIZE, SIZE)
    model.to(memory_format=torch.channels_last).save_pretrained(tmp_path / "first")
    again = ImageClassifier.from_pretrained(tmp_path / "first")
    again.save_pretrained(tmp_path / "second")
    assert again.classes == list(CLASSES)
    assert again.image_size == SIZE
    torch.testing.assert_close(again(images), model(images))
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["config.json", "model.safetensors"]
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_same_seed_gives_the_same_classifier(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        classifier(seed).save_pretrained(tmp_path / name)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_a_folder_that_is_not_a_whole_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.*dvc repro"):
        ImageClassifier.from_pretrained(tmp_path / "nowhere")
    classifier().save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        ImageClassifier.from_pretrained(tmp_path)
    save_file({"something": torch.zeros(1)}, weights)
    with pytest.raises(ModelError, match="does not fit"):
        ImageClassifier.from_pretrained(tmp_path)
    weights.unlink()
    with pytest.raises(ModelError, match="no such file"):
        ImageClassifier.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"classes": []}')
    with pytest.raises(ModelError, match=r"config\.json"):
        ImageClassifier.from_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json"):
        ImageClassifier.from_pretrained(tmp_path)


def test_a_path_is_never_looked_for_on_the_hub() -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        ImageClassifier.from_pretrained(Path("nobody/nothing"))


def test_a_model_of_the_hub_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="Hugging Face Hub"):
        ImageClassifier.from_pretrained("nobody/nothing")


def test_a_backbone_that_timm_cannot_build_is_refused() -> None:
    with pytest.raises(ModelError, match="convnext_of_dreams"):
        classifier(backbone="convnext_of_dreams")
    with pytest.raises(ModelError, match="colour"):
        classifier(backbone_args={"colour": "grey"})
    with pytest.raises(ModelError, match=f"img_size.*{SIZE}"):
        classifier(**(VIT | {"backbone_args": {}}))


@torch.no_grad()
def test_pretrained_weights_come_from_a_folder(tmp_path: Path) -> None:
    published = {"fc.weight": torch.zeros(1000, 16), "fc.bias": torch.zeros(1000)}
    torch.manual_seed(9)
    published |= timm.create_model("resnet10t", num_classes=0, **RESNET_ARGS).state_dict()
    save_file(published, tmp_path / "model.safetensors")
    model = classifier(**RESNET, pretrained=str(tmp_path))
    found = model.encoder.backbone.state_dict()
    assert found.keys() == published.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(tensor, published[name]) for name, tensor in found.items())
    model.save_pretrained(tmp_path / "saved")
    (tmp_path / "model.safetensors").unlink()  # a saved model no longer needs them
    again = ImageClassifier.from_pretrained(tmp_path / "saved")
    assert torch.equal(again.encoder.backbone.conv1[0].weight, published["conv1.0.weight"])


def test_pretrained_weights_are_adapted_to_the_image_size(tmp_path: Path) -> None:
    source = classifier(**VIT)
    save_file(source.encoder.backbone.state_dict(), tmp_path / "model.safetensors")
    larger = {**VIT_ARGS, "img_size": 2 * SIZE}
    params = encoder_params(**(VIT | {"backbone_args": larger, "pretrained": str(tmp_path)}))
    model = build_image_classifier(params, CLASSES, 2 * SIZE)
    assert model.encoder(torch.rand(1, 1, 2 * SIZE, 2 * SIZE)).shape == (1, 16, 4, 4)
    blocks = load_file(tmp_path / "model.safetensors")["blocks.0.attn.qkv.weight"]
    assert torch.equal(model.encoder.backbone.blocks[0].attn.qkv.weight, blocks)


def test_pretrained_weights_that_are_missing_or_foreign_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"huggingface\.co/timm/resnet10t"):
        classifier(**RESNET, pretrained=str(tmp_path))
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(ModelError, match="safetensors"):
        classifier(**RESNET, pretrained=str(tmp_path))
    save_file({"stem.weight": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="are missing: "):
        classifier(**RESNET, pretrained=str(tmp_path))
    named_alike = timm.create_model("resnet10t", **RESNET_ARGS).state_dict()
    save_file({n: torch.zeros(*t.shape, 2) for n, t in named_alike.items()}, path)
    with pytest.raises(ModelError, match="resnet10t"):
        classifier(**RESNET, pretrained=str(tmp_path))


def test_a_hub_out_of_reach_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> NoReturn:
        raise ConnectionError("no connection")

    monkeypatch.setattr(HfApi, "model_info", unreachable)
    with pytest.raises(ModelError, match=r"(?s)resnet10t.*network.*folder"):
        classifier(**RESNET, pretrained="hub")


def test_hub_weights_are_those_of_the_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(
        timm.create_model("resnet10t", **RESNET_ARGS).state_dict(), tmp_path / "model.safetensors"
    )
    asked = []

    def hub(name: str, key: str, page: str) -> Path:
        asked.append((name, key, page))
        return tmp_path

    monkeypatch.setattr(image_encoder, "published_folder", hub)
    classifier(**RESNET, pretrained="hub")
    name = "timm/resnet10t.c3_in1k"
    assert asked == [(name, "encoder.pretrained", name)]
