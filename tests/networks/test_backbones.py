"""Backbones and text encoders by name alone, small ones of every kind."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    BertConfig,
    BertTokenizerFast,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

from camchex.errors import ModelError
from camchex.fusion.camchex import CaMChex, build_camchex
from camchex.fusion.params import Preparation
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.text_encoder import TextEncoder, text_config
from camchex.fusion.tokenizer import Tokenizer, build_tokenizer
from camchex.networks.image_classifier import ImageClassifier
from tests.networks.small import (
    INDICATIONS,
    SIZE,
    VITALS,
    camchex,
    classifier,
    fusion_params,
    studies,
    text_params,
)
from tests.networks.test_image_classifier import RESNET, VIT

DINO_ARGS: dict[str, object] = {"embed_dim": 16, "depth": 1, "num_heads": 2, "patch_size": 8}
DINO: dict[str, object] = {
    "backbone": "vit_small_patch14_reg4_dinov2",
    "backbone_args": {**DINO_ARGS, "img_size": SIZE},
}
DINO_DYNAMIC: dict[str, object] = {
    "backbone": "vit_small_patch14_dinov2",
    "backbone_args": {**DINO_ARGS, "img_size": SIZE, "dynamic_img_size": True},
}
WORDS = sorted({word for text in [*INDICATIONS, *VITALS] for word in text.split()})
SMALL = {"num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 16}


def bert_tokenizer(folder: Path) -> None:
    vocabulary = folder / "vocab.txt"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(str(vocabulary), do_lower_case=False).save_pretrained(folder)


def roberta_tokenizer(folder: Path) -> None:
    """As RoBERTa's: ``<s> text </s>``, padded with ``<pad>``, which is not token 0."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *WORDS]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = Backend(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",  # noqa: S106
        cls_token="<s>",  # noqa: S106
        sep_token="</s>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
    ).save_pretrained(folder)


CONFIGS: dict[str, PreTrainedConfig] = {
    "bert": BertConfig(vocab_size=80, hidden_size=8, max_position_embeddings=32, **SMALL),
    "roberta": RobertaConfig(
        vocab_size=80, hidden_size=8, max_position_embeddings=34, type_vocab_size=1, **SMALL
    ),
    "electra": ElectraConfig(
        vocab_size=80, hidden_size=8, embedding_size=12, max_position_embeddings=32, **SMALL
    ),
    "distilbert": DistilBertConfig(
        vocab_size=80, dim=8, hidden_dim=16, n_layers=1, n_heads=2, max_position_embeddings=32
    ),
}
every_text_encoder = pytest.mark.parametrize("kind", CONFIGS)


def saved(kind: str, folder: Path) -> AutoModel:
    """A small text encoder and its tokenizer, as a published folder."""
    (roberta_tokenizer if kind == "roberta" else bert_tokenizer)(folder)
    torch.manual_seed(3)
    model = AutoModel.from_config(CONFIGS[kind]).eval()
    model.save_pretrained(folder)
    return model


def study_batch(read: Tokenizer) -> StudyBatch:
    batch = studies()
    texts = {"indication": read.encode(INDICATIONS, 16), "vitals": read.encode(VITALS, 32)}
    return StudyBatch(**{**batch.__dict__, **texts})


def build(kind: str, folder: Path, **changes: object) -> CaMChex:
    text = text_params(model=str(folder))
    preparation = Preparation(fit="stretch", jpeg_quality=95, cleaner="released")
    read = build_tokenizer(text, [])
    encoders = (classifier(1), classifier(2))
    model = build_camchex(fusion_params(**changes), text, *encoders, read, preparation)
    assert model.config.text_config["model_type"] == kind
    return model.eval()


@torch.no_grad()
@every_text_encoder
def test_a_text_encoder_is_read_by_name_alone(kind: str, tmp_path: Path) -> None:
    reference = saved(kind, tmp_path)
    text = text_params(model=str(tmp_path))
    read = build_tokenizer(text, [])
    model = TextEncoder(text_config(text, read), None).eval()
    model.load_pretrained(text.model, read)
    tokens = read.encode(INDICATIONS, 16)
    padding = 1 if kind == "roberta" else 0
    assert read.padding == padding
    assert (tokens.ids[~tokens.mask] == padding).all()
    assert (~tokens.mask).any()
    alone = [read.encode([one], 16).ids for one in INDICATIONS]
    expected = [reference(input_ids=ids).last_hidden_state[0, 0] for ids in alone]
    torch.testing.assert_close(model(tokens), torch.stack(expected), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@every_text_encoder
@pytest.mark.parametrize("architecture", ["camchex", "mmbt"])
def test_a_fusion_over_any_text_encoder_lives_in_its_folder(
    kind: str, architecture: str, tmp_path: Path
) -> None:
    saved(kind, tmp_path / "text")
    model = build(kind, tmp_path / "text", architecture=architecture)
    batch = study_batch(model.tokenizer)
    model.save_pretrained(tmp_path / "fusion")
    for file in (tmp_path / "text").iterdir():
        file.unlink()  # what was published is no longer needed
    again = CaMChex.from_pretrained(tmp_path / "fusion")
    assert again.tokenizer.padding == model.tokenizer.padding
    assert torch.equal(again(study_batch(again.tokenizer)), model(batch))


@torch.no_grad()
@every_text_encoder
def test_mmbt_over_any_text_encoder_reads_a_text_as_that_one_does(
    kind: str, tmp_path: Path
) -> None:
    reference = saved(kind, tmp_path)
    model = build(kind, tmp_path, architecture="mmbt", inputs=["indication"])
    model.joint.segments.zero_()
    batch = study_batch(model.tokenizer)
    ids = model.tokenizer.encode(INDICATIONS[1:2], 16).ids
    expected = model.classifier(reference(input_ids=ids).last_hidden_state[:, 0])
    torch.testing.assert_close(model(batch)[1:2], expected, atol=1e-5, rtol=1e-4)


@every_text_encoder
def test_the_longest_text_is_what_the_positions_allow(kind: str, tmp_path: Path) -> None:
    saved(kind, tmp_path)
    text = text_params(model=str(tmp_path), max_tokens_vitals=33)
    with pytest.raises(ModelError, match="at most 32 tokens, found 33"):
        text_config(text, build_tokenizer(text, []))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    saved("bert", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"vocab_size": 20}
    (tmp_path / "config.json").write_text(json.dumps(config))
    text = text_params(model=str(tmp_path))
    with pytest.raises(ModelError, match="do not belong together"):
        text_config(text, build_tokenizer(text, []))


def test_attention_of_the_text_encoder_is_scaled_dot_product_attention(tmp_path: Path) -> None:
    for kind in CONFIGS:
        saved(kind, tmp_path / kind)
        model = build(kind, tmp_path / kind, inputs=["indication"])
        assert model.text.model.config._attn_implementation == "sdpa"


def test_mmbt_says_which_text_encoders_it_can_use() -> None:
    encoder = TextEncoder(GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=80).to_dict(), None)
    with pytest.raises(ModelError, match=r"mmbt: GPT2Model.*RoBERTa"):
        encoder.positions  # noqa: B018


@torch.no_grad()
def test_a_dinov2_keeps_its_patches_in_place_behind_its_prefix_tokens() -> None:
    images = torch.rand(1, 1, SIZE, SIZE)
    for changes, prefix in ((DINO, 5), (DINO_DYNAMIC, 1)):
        model = classifier(**changes)
        encoder = model.encoder
        tokens = encoder.backbone.forward_features((images - encoder.mean) / encoder.std)
        tokens = tokens.reshape(1, -1, 16)
        assert tokens.shape == (1, prefix + 16, 16)
        maps = model.encoder(images)
        assert maps.shape == (1, 16, 4, 4)
        torch.testing.assert_close(maps[0, :, 2, 1], tokens[0, prefix + 2 * 4 + 1])


@torch.no_grad()
@pytest.mark.parametrize("changes", [{}, RESNET, VIT, DINO, DINO_DYNAMIC])
def test_a_classifier_is_loaded_for_images_of_another_size(
    changes: dict[str, object], tmp_path: Path
) -> None:
    model = classifier(**changes)
    model.save_pretrained(tmp_path / "small")
    larger = ImageClassifier.from_pretrained(tmp_path / "small", 2 * SIZE)
    assert larger.image_size == 2 * SIZE
    assert not larger.training
    images = torch.rand(1, 1, 2 * SIZE, 2 * SIZE)
    shape = model.encoder(images[..., :SIZE, :SIZE]).shape
    assert larger.encoder(images).shape == (1, shape[1], 2 * shape[2], 2 * shape[3])
    if changes in ({}, RESNET, DINO_DYNAMIC):
        torch.testing.assert_close(larger(images), model(images))
    blocks = {n: t for n, t in model.state_dict().items() if "pos_embed" not in n}
    found = larger.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in blocks.items())
    larger.save_pretrained(tmp_path / "large")
    again = ImageClassifier.from_pretrained(tmp_path / "large")
    torch.testing.assert_close(again(images), larger(images))
    same = ImageClassifier.from_pretrained(tmp_path / "small", SIZE)
    assert torch.equal(same(images[..., :SIZE, :SIZE]), model(images[..., :SIZE, :SIZE]))


@torch.no_grad()
def test_encoders_of_two_widths_share_a_fusion_through_a_projection(tmp_path: Path) -> None:
    narrow = {"depths": [1, 1, 1, 1], "dims": [8, 8, 8, 12], "output_stride": 16}
    lateral = classifier(2, backbone_args=narrow)
    text, preparation = (
        text_params(),
        Preparation(fit="stretch", jpeg_quality=95, cleaner="released"),
    )
    read = build_tokenizer(text, [*INDICATIONS, *VITALS])
    model = build_camchex(fusion_params(), text, classifier(1), lateral, read, preparation).eval()
    assert not any("lateral_projection" in name for name, _ in camchex().named_parameters())
    batch = study_batch(read)
    maps = model.encode_images(batch)
    expected = model.lateral_projection(lateral.encoder(batch.images[batch.lateral]))
    torch.testing.assert_close(maps.images[maps.lateral], expected)
    model.save_pretrained(tmp_path)
    assert torch.equal(CaMChex.from_pretrained(tmp_path)(batch), model(batch))


def test_maps_of_two_sizes_are_refused() -> None:
    coarse = {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16], "output_stride": 32}
    text, preparation = (
        text_params(),
        Preparation(fit="stretch", jpeg_quality=95, cleaner="released"),
    )
    read = build_tokenizer(text, [*INDICATIONS, *VITALS])
    lateral = classifier(backbone_args=coarse)
    model = build_camchex(fusion_params(), text, classifier(), lateral, read, preparation)
    with pytest.raises(ModelError, match=r"two sizes: \[\(2, 2\), \(1, 1\)\]"):
        model(study_batch(read))
