"""Vision models of transformers as backbones: tiny random ones, in folders as published."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForImageClassification,
    BeitConfig,
    BitImageProcessor,
    CLIPConfig,
    ConvNextConfig,
    ConvNextV2Config,
    Data2VecVisionConfig,
    DeiTConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    PretrainedConfig,
    ResNetConfig,
    SiglipConfig,
    SwinConfig,
    ViTConfig,
    ViTMAEConfig,
)

from camchex.errors import ModelError
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from tests.networks.small import CLASSES, SIZE, classifier, encoder_params

MEAN, STD = [0.53, 0.5, 0.4], [0.25, 0.2, 0.3]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 24,
    "patch_size": 8,
}
DINO = {k: v for k, v in SMALL.items() if k != "intermediate_size"}
STAGES = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 8, 16], "num_stages": 4, "image_size": 24}
CONFIGS: dict[str, PretrainedConfig] = {
    "dinov2": Dinov2Config(**DINO),
    "dinov2 with registers": Dinov2WithRegistersConfig(**DINO, num_register_tokens=3),
    "vit": ViTConfig(**SMALL),
    "deit": DeiTConfig(**SMALL),
    "convnextv2": ConvNextV2Config(**STAGES),
    "convnext": ConvNextConfig(**STAGES),
    "resnet": ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]),
    "swin": SwinConfig(
        image_size=24, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=2
    ),
}
PREFIXES = {"dinov2 with registers": 4, "deit": 2, "vit": 1, "dinov2": 1}
WITH_POSITIONS = [*PREFIXES]
every_kind = pytest.mark.parametrize("kind", CONFIGS)


def publish(kind: str, folder: Path, auto: Any = AutoModel) -> Any:  # noqa: ANN401 - untyped
    """A tiny model in the layout of a published one; no two numbers alike."""
    torch.manual_seed(2)
    model = auto.from_config(CONFIGS[kind]).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand_like(tensor) / 8)
    model.save_pretrained(folder)
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(folder)
    return model


def encoder_of(folder: Path, **changes: object) -> dict[str, object]:
    return {"backbone": f"hf:{folder}", "pretrained": "hub", "backbone_args": {}} | changes


def load(folder: Path, **changes: object) -> ImageClassifier:
    return classifier(**encoder_of(folder, **changes))


def shown(images: torch.Tensor) -> torch.Tensor:
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return (images.expand(-1, 3, -1, -1) - mean) / std


@torch.no_grad()
@every_kind
def test_a_map_is_what_the_published_model_says_of_each_patch(kind: str, tmp_path: Path) -> None:
    reference = publish(kind, tmp_path)
    torch.manual_seed(0)
    size = 64 if "conv" in kind else 24
    model = build_at(tmp_path, size)
    images = torch.rand(2, 1, size, size)
    expected = reference(pixel_values=shown(images)).last_hidden_state
    maps = model.encoder(images)
    side = maps.shape[2]
    assert maps.shape == (2, model.encoder.channels, side, side)
    if expected.ndim == 3:
        expected = expected[:, PREFIXES.get(kind, 0) :]
        at = expected[:, 1 * side + 0]  # the patch in row 1, column 0
        torch.testing.assert_close(maps[:, :, 1, 0], at, atol=1e-4, rtol=1e-3)
        assert expected.shape[1] == side**2
    else:
        torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-3)


def build_at(folder: Path, size: int, **changes: object) -> ImageClassifier:
    encoder = encoder_params(**encoder_of(folder, **changes))
    return build_image_classifier(encoder, CLASSES, size).eval()


@every_kind
def test_every_weight_is_used_or_not_trained(kind: str, tmp_path: Path) -> None:
    publish(kind, tmp_path)
    model = load(tmp_path).train()
    model(torch.rand(2, 1, SIZE, SIZE)).sum().backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert not any("pooler" in name for name, _ in model.named_parameters())


@torch.no_grad()
@every_kind
def test_a_model_lives_on_without_its_folder_and_at_another_size(kind: str, tmp_path: Path) -> None:
    publish(kind, tmp_path / "published")
    model = load(tmp_path / "published")
    model.save_pretrained(tmp_path / "model")
    for file in (tmp_path / "published").iterdir():
        file.unlink()
    again = ImageClassifier.from_pretrained(tmp_path / "model")
    images = torch.rand(2, 1, SIZE, SIZE)
    assert torch.equal(again(images), model(images))
    assert str(tmp_path) not in (tmp_path / "model" / "config.json").read_text().replace(
        f"hf:{tmp_path / 'published'}", ""
    )
    larger = ImageClassifier.from_pretrained(tmp_path / "model", 2 * SIZE)
    assert (
        larger.encoder(torch.rand(1, 1, 2 * SIZE, 2 * SIZE)).shape[2]
        > (again.encoder(images).shape[2])
    )
    larger.save_pretrained(tmp_path / "larger")
    ImageClassifier.from_pretrained(tmp_path / "larger")


@torch.no_grad()
@pytest.mark.parametrize("kind", WITH_POSITIONS)
def test_position_embeddings_are_resized_as_the_model_itself_does(
    kind: str, tmp_path: Path
) -> None:
    reference = publish(kind, tmp_path)
    model = load(tmp_path)  # 24 px published, 32 px here
    images = torch.rand(1, 1, SIZE, SIZE)
    way = {} if kind.startswith("dinov2") else {"interpolate_pos_encoding": True}
    expected = reference(pixel_values=shown(images), **way).last_hidden_state
    expected = expected[:, PREFIXES[kind] :].transpose(1, 2).reshape(1, 16, 4, 4)
    torch.testing.assert_close(model.encoder(images), expected, atol=1e-4, rtol=1e-4)


def test_a_classifier_s_file_gives_its_backbone_and_names_its_head(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish("dinov2", tmp_path, AutoModelForImageClassification)
    names = [*load_file(tmp_path / "model.safetensors")]
    assert any(name.startswith("dinov2.") for name in names)
    load(tmp_path)
    assert "classifier.bias" in capsys.readouterr().err


@every_kind
def test_a_file_that_lacks_any_one_weight_is_refused(kind: str, tmp_path: Path) -> None:
    publish(kind, tmp_path)
    path = tmp_path / "model.safetensors"
    state, unused = load_file(path), ("pooler", "mask_token")
    unused += ("layernorm.",) if "convnext" in kind else ()
    by_kind = {"".join(c for c in n if not c.isdigit()): n for n in state if state[n].ndim}
    encoder, params = load(tmp_path).encoder, encoder_params(**encoder_of(tmp_path))
    for name in by_kind.values():
        if name.startswith(unused) or "mask_token" in name:
            continue
        save_file({n: t for n, t in state.items() if n != name}, path, {"format": "pt"})
        with pytest.raises(ModelError, match="1 are missing: "):
            encoder.load_pretrained(params)


def test_a_file_with_more_blocks_or_of_another_model_is_refused(tmp_path: Path) -> None:
    publish("vit", tmp_path)
    path, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_hidden_layers": 1}))
    with pytest.raises(ModelError, match="too much: "):
        load(tmp_path)
    publish("convnextv2", tmp_path / "other")
    path.write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="are missing: "):
        load(tmp_path)


@pytest.mark.parametrize("prefix", ["module.", "model.", "encoder."])
def test_a_prefix_is_dropped_and_said(
    prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish("vit", tmp_path)
    expected = load(tmp_path).state_dict()
    path = tmp_path / "model.safetensors"
    save_file({f"{prefix}{n}": t for n, t in load_file(path).items()}, path, {"format": "pt"})
    found = load(tmp_path).state_dict()
    assert f"read without '{prefix}'" in capsys.readouterr().err
    assert all(torch.equal(found[n], t) for n, t in expected.items() if "encoder." in n)


def test_weights_of_another_width_are_refused_by_name(tmp_path: Path) -> None:
    publish("vit", tmp_path)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    name = next(n for n in state if n.endswith("embeddings.cls_token"))
    save_file(state | {name: torch.zeros(1, 1, 8)}, path, {"format": "pt"})
    with pytest.raises(ModelError, match="cls_token"):
        load(tmp_path)


def test_the_size_must_be_whole_patches(tmp_path: Path) -> None:
    publish("dinov2", tmp_path)
    with pytest.raises(ModelError, match=r"images\.size.*patches of 8 px.*write 24 or 32"):
        build_at(tmp_path, 30)


def test_normalisation_is_the_model_s_own_in_every_spelling(tmp_path: Path) -> None:
    publish("vit", tmp_path)
    path = tmp_path / "preprocessor_config.json"
    written = json.loads(path.read_text())
    encoder = load(tmp_path).encoder
    assert encoder.mean.flatten().tolist() == pytest.approx(MEAN)
    path.write_text(json.dumps(written | {"rescale_factor": 1 / 127.5}))
    images, pixels = torch.rand(1, 1, SIZE, SIZE), 255.0
    encoder = load(tmp_path).encoder
    expected = (images * pixels / 127.5 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[
        :, None, None
    ]
    torch.testing.assert_close((images - encoder.mean) / encoder.std, expected)
    path.write_text(json.dumps(written | {"do_normalize": False}))
    encoder = load(tmp_path).encoder
    torch.testing.assert_close((images - encoder.mean) / encoder.std, images.expand(-1, 3, -1, -1))
    path.unlink()
    with pytest.raises(ModelError, match=r"preprocessor_config\.json: no such file"):
        load(tmp_path)


def test_a_model_of_grey_images_is_shown_one_channel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    AutoModel.from_config(ViTConfig(**SMALL, num_channels=1)).save_pretrained(tmp_path)
    BitImageProcessor(image_mean=[0.5], image_std=[0.25]).save_pretrained(tmp_path)
    assert load(tmp_path).encoder(torch.rand(2, 1, SIZE, SIZE)).shape == (2, 16, 4, 4)
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"mean: 3 numbers, where .* reads 1 channels"):
        load(tmp_path)


def test_a_folder_alone_is_a_backbone_and_its_keys_can_be_changed(tmp_path: Path) -> None:
    publish("dinov2", tmp_path)
    model = load(tmp_path, backbone=str(tmp_path), backbone_args={"drop_path_rate": 0.5})
    assert model.encoder.backbone.model.config.drop_path_rate == 0.5
    with pytest.raises(ModelError, match="colour"):
        load(tmp_path, backbone_args={"colour": "grey"})
    random = load(tmp_path, pretrained="none").state_dict()
    assert not torch.equal(
        random["encoder.backbone.model.layernorm.weight"],
        model.state_dict()["encoder.backbone.model.layernorm.weight"],
    )


def test_a_pickle_and_code_beside_a_model_are_never_read(tmp_path: Path) -> None:
    publish("vit", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    mine = {"auto_map": {"AutoConfig": "mine.Mine", "AutoModel": "mine.Mine"}, "model_type": "mine"}
    (tmp_path / "mine.py").write_text("raise SystemExit('the code ran')")
    (tmp_path / "config.json").write_text(json.dumps(config | mine))
    with pytest.raises(ModelError, match=r"config\.json.*never run"):
        load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save({}, tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="pickle"):
        load(tmp_path)


def test_what_is_no_backbone_is_refused_by_name(tmp_path: Path) -> None:
    publish("vit", tmp_path)
    for config in (ViTMAEConfig(**SMALL).to_dict(), {"model_type": "bert"}, {}, {"model_type": 3}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match=r"encoder\.backbone"):
            load(tmp_path)
    for text in ("", "[]", "not JSON"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ModelError, match=r"config\.json"):
            load(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json: no such file"):
        load(tmp_path)
    with pytest.raises(ModelError, match="no such folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("whole", [CLIPConfig, SiglipConfig])
def test_of_a_model_of_images_and_texts_the_vision_part_is_a_backbone(
    whole: type[PretrainedConfig], tmp_path: Path
) -> None:
    words = {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    sides = {"vision_config": SMALL, "text_config": SMALL | words}
    both = AutoModel.from_config(whole(**sides)).eval()
    both.save_pretrained(tmp_path)
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"reads images and texts.*docs/backbone\.md"):
        load(tmp_path)
    both.vision_model.save_pretrained(tmp_path / "vision")
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path / "vision")
    model, images = load(tmp_path / "vision"), torch.rand(1, 1, SIZE, SIZE)
    states = both.vision_model(pixel_values=shown(images), interpolate_pos_encoding=True)
    expected = states.last_hidden_state[:, -16:].transpose(1, 2).reshape(1, 16, 4, 4)
    torch.testing.assert_close(model.encoder(images), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("config", [BeitConfig, Data2VecVisionConfig])
def test_positions_that_a_library_keeps_for_all_models_are_not_those_of_the_probe(
    config: type[PretrainedConfig], tmp_path: Path
) -> None:
    """Each model is the first of its size here, since a table that is kept is used on."""
    torch.manual_seed(0)
    size = 56
    model = AutoModel.from_config(
        config(**SMALL | {"image_size": size}, use_relative_position_bias=True)
    ).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("relative_position_bias_table"):  # zeros before a training
            parameter.normal_()
    model.save_pretrained(tmp_path)
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path)
    maps, images = build_at(tmp_path, size), torch.rand(2, 1, size, size)
    found = maps.encoder(images)
    expected = model(pixel_values=shown(images)).last_hidden_state[:, 1:]
    expected = expected.transpose(1, 2).reshape(2, 16, size // 8, size // 8)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("config", [BeitConfig, Data2VecVisionConfig])
def test_a_gradient_passes_behind_a_prediction(
    config: type[PretrainedConfig], tmp_path: Path
) -> None:
    """As where a prediction is explained; the model is the first of its size in this process."""
    size = 64
    whole = config(**SMALL | {"image_size": size}, use_relative_position_bias=True)
    AutoModel.from_config(whole).save_pretrained(tmp_path / "published")
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path / "published")
    model = build_at(tmp_path / "published", size, pretrained="none")
    images = torch.rand(1, 1, size, size)
    with torch.inference_mode():
        model(images)
    model(images.requires_grad_()).sum().backward()
    assert images.grad is not None


def test_a_model_of_one_size_alone_is_told_its_size(tmp_path: Path) -> None:
    AutoModel.from_config(BeitConfig(**SMALL, use_relative_position_bias=True)).save_pretrained(
        tmp_path
    )
    BitImageProcessor(image_mean=MEAN, image_std=STD).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"Write images\.size: 24$"):
        load(tmp_path)
    build_at(tmp_path, 24)


def test_activations_can_be_computed_again(tmp_path: Path) -> None:
    publish("dinov2", tmp_path)
    model, images = load(tmp_path).train(), torch.rand(2, 1, SIZE, SIZE)
    gradients = []
    for on in (False, True):
        model.encoder.recompute_activations(on=on)
        torch.manual_seed(0)
        model.zero_grad()
        model(images).sum().backward()
        gradients.append(model.encoder.backbone.model.layernorm.weight.grad.clone())
    torch.testing.assert_close(*gradients)
