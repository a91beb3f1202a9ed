from pathlib import Path

import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel

from camchex.errors import ModelError
from camchex.fusion.study_batch import Tokens
from camchex.fusion.text_encoder import TextEncoder, text_config
from camchex.fusion.tokenizer import build_tokenizer
from tests.networks.small import INDICATIONS, text_params, tokenizer

PUBLISHED = BertConfig(
    vocab_size=150,
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=8,
    max_position_embeddings=40,
)


def published(folder: Path) -> BertModel:
    torch.manual_seed(4)
    model = BertModel(PUBLISHED).eval()
    model.save_pretrained(folder)
    return model


def encoder(width: int | None = None) -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(text_config(text_params(), tokenizer()), width).eval()


@torch.no_grad()
def test_the_embedding_of_a_published_model_is_its_first_token(tmp_path: Path) -> None:
    reference = published(tmp_path)
    text = text_params(model=str(tmp_path))
    model = TextEncoder(text_config(text, tokenizer()), None).eval()
    model.load_pretrained(text.model, tokenizer())
    tokens = tokenizer().encode(INDICATIONS, 16)
    states = reference(input_ids=tokens.ids, attention_mask=tokens.mask).last_hidden_state
    torch.testing.assert_close(model(tokens), states[:, 0])


@torch.no_grad()
def test_padding_changes_no_text() -> None:
    model, tokens = encoder(), tokenizer().encode(INDICATIONS, 16)
    longer = Tokens(
        torch.nn.functional.pad(tokens.ids, (0, 4), value=7),
        torch.nn.functional.pad(tokens.mask, (0, 4)),
    )
    torch.testing.assert_close(model(longer), model(tokens))
    alone = tokenizer().encode(INDICATIONS[:1], 16)
    torch.testing.assert_close(model(alone), model(tokens)[:1])


@torch.no_grad()
def test_another_width_is_reached_by_a_projection_and_the_same_by_none() -> None:
    tokens = tokenizer().encode(INDICATIONS, 16)
    assert encoder(20)(tokens).shape == (4, 20)
    assert list(encoder(8).projection.parameters()) == []
    assert encoder(None).width == 8


def test_every_weight_is_used() -> None:
    model = encoder(20)
    model(tokenizer().encode(INDICATIONS, 16)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_weights_are_single_precision_whatever_was_published(tmp_path: Path) -> None:
    published(tmp_path).half().save_pretrained(tmp_path)
    text = text_params(model=str(tmp_path))
    model = TextEncoder(text_config(text, tokenizer()), None)
    model.load_pretrained(text.model, tokenizer())
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_a_text_longer_than_the_model_reads_is_refused(tmp_path: Path) -> None:
    published(tmp_path)
    text = text_params(model=str(tmp_path), max_tokens_vitals=41)
    with pytest.raises(ModelError, match="at most 40 tokens, found 41"):
        text_config(text, tokenizer())


def test_a_model_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.*save_pretrained"):
        text_config(text_params(model=str(tmp_path / "nowhere")), tokenizer())
    published(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        encoder().load_pretrained(str(tmp_path), tokenizer())


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    published(tmp_path)
    other = BertConfig(**(PUBLISHED.to_dict() | {"hidden_size": 16}))
    with pytest.raises(ModelError, match=r"text\.model"):
        TextEncoder(other.to_dict(), None).load_pretrained(str(tmp_path), tokenizer())


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match="transformers cannot build"):
        TextEncoder({"model_type": "parchment"}, None)


def test_the_configuration_names_no_machine(tmp_path: Path) -> None:
    published(tmp_path)
    config = text_config(text_params(model=str(tmp_path)), tokenizer())
    assert str(tmp_path) not in str(config)
    assert "version" not in str(config)
    AutoModel.from_config(BertConfig(**config))


@torch.no_grad()
def test_near_numbers_start_near_in_tiny() -> None:
    text = text_params(vocabulary=400)
    read = build_tokenizer(text, [" ".join(f"{n}.0" for n in range(40, 240))])
    model = TextEncoder(text_config(text, read), None)
    model.load_pretrained(text.model, read)
    words = model.model.get_input_embeddings().weight
    assert [*sorted(read.numbers().values())][-200:] == [*map(float, range(40, 240))]
    tokens = {value: token for token, value in read.numbers().items()}
    apart = [(words[tokens[n]] - words[tokens[100]]).norm() for n in (101, 103, 106, 110, 115)]
    assert apart == sorted(apart)
    assert apart[0] > 0
