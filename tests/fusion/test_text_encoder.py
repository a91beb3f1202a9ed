import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AutoModel,
    BartConfig,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    BioGptConfig,
    ConvBertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    FNetConfig,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    MPNetConfig,
    OPTConfig,
    PretrainedConfig,
    RobertaConfig,
    RoFormerConfig,
    SqueezeBertConfig,
    T5Config,
    ViTConfig,
    XLNetConfig,
)

from camchex.errors import ModelError
from camchex.fusion.study_batch import Tokens
from camchex.fusion.text_encoder import TextEncoder, text_config
from camchex.fusion.tokenizer import Tokenizer, build_tokenizer
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
    with pytest.raises(ModelError, match=r"nowhere.*no such folder"):
        text_config(text_params(model=str(tmp_path / "nowhere")), tokenizer())
    published(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    for step in (
        lambda: text_config(text_params(model=str(tmp_path)), tokenizer()),
        lambda: encoder().load_pretrained(str(tmp_path), tokenizer()),
    ):
        with pytest.raises(ModelError, match=r"text\.model.*pickle.*camchex convert-text"):
            step()


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match="transformers cannot build"):
        TextEncoder({"model_type": "parchment"}, None)


def loaded(folder: Path) -> TextEncoder:
    """The text encoder of a folder, as the first training builds it."""
    text = text_params(model=str(folder))
    model = TextEncoder(text_config(text, tokenizer()), None).eval()
    model.load_pretrained(text.model, tokenizer())
    model.require_reading(tokenizer(), text.longest)
    return model


def rename(folder: Path, change: Callable[[str], str | None]) -> None:
    """Rename the weights of a folder, or drop those whose new name is None."""
    path = folder / "model.safetensors"
    named = {change(name): tensor for name, tensor in load_file(path).items()}
    save_file({n: t for n, t in named.items() if n is not None}, path, {"format": "pt"})


@pytest.mark.parametrize("prefix", ["module.", "auto_model.", "model.", "encoder.", "module.bert."])
def test_a_prefix_of_every_weight_is_dropped_and_said(
    prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = published(tmp_path)
    rename(tmp_path, lambda name: f"{prefix}{name}")
    model = loaded(tmp_path)
    state = reference.state_dict()
    assert all(torch.equal(t, state[name]) for name, t in model.model.state_dict().items())
    assert f"read without '{prefix.removesuffix('bert.')}'" in capsys.readouterr().err


WRONG: dict[str, Callable[[str], str | None]] = {
    "of RoBERTa": lambda name: f"roberta.{name}",
    "of no model": lambda name: f"x.{name}",
    "without its layer": lambda name: None if "layer.0" in name else name,
    "without its embeddings": lambda name: None if "embeddings" in name else name,
    "without a weight": lambda name: None if name.endswith("query.weight") else name,
    "without a norm": lambda name: None if name.endswith("LayerNorm.bias") else name,
    "with another spelling": lambda name: name.replace("query", "q"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_weights_that_are_not_the_model_s_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    published(tmp_path)
    rename(tmp_path, WRONG[kind])
    with pytest.raises(ModelError, match=r"not the weights of BertModel: .*missing: "):
        loaded(tmp_path)


def test_a_pooler_may_be_missing_and_a_head_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    BertForMaskedLM(PUBLISHED).save_pretrained(tmp_path)
    names = [*load_file(tmp_path / "model.safetensors")]
    assert not any("pooler" in name for name in names)
    loaded(tmp_path)
    assert "not read, as BertModel has no such weights: cls." in capsys.readouterr().err


def test_more_layers_than_the_configuration_has_are_refused(tmp_path: Path) -> None:
    deeper = BertConfig(**(PUBLISHED.to_dict() | {"num_hidden_layers": 2}))
    BertModel(deeper).save_pretrained(tmp_path)
    PUBLISHED.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"too much: .*layer\.1"):
        loaded(tmp_path)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    published(tmp_path)
    BertConfig(**(PUBLISHED.to_dict() | {"hidden_size": 16})).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"text\.model.*not of the shapes.*\[8"):
        loaded(tmp_path)


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.complex64])
def test_weights_that_are_only_codes_are_refused_by_name(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    published(tmp_path)
    path = tmp_path / "model.safetensors"
    state, name = load_file(path), "encoder.layer.0.output.dense.weight"
    save_file(state | {name: state[name].to(dtype)}, path, {"format": "pt"})
    with pytest.raises(ModelError, match=rf"{name}: .*quantised"):
        loaded(tmp_path)


def test_two_sets_of_the_same_weights_are_refused(tmp_path: Path) -> None:
    published(tmp_path)
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    save_file(state | {f"bert.{n}": 2 * t for n, t in state.items()}, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"two sets of the same weights: .*with bert\. before"):
        loaded(tmp_path)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    published(tmp_path).save_pretrained(tmp_path / "parts", max_shard_size="2KB")
    lost = min((tmp_path / "parts").glob("model-*.safetensors"))
    lost.unlink()
    with pytest.raises(ModelError, match=rf"{lost.name}: no such file, which model.safetensors"):
        loaded(tmp_path / "parts")


def test_a_model_that_reads_fewer_tokens_than_asked_for_is_refused(tmp_path: Path) -> None:
    """Not every model has a table of positions that can be asked for its length."""
    short = RoFormerConfig(**(BERTS | {"max_position_embeddings": 20}))
    AutoModel.from_config(short).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"cannot read 32 tokens"):
        loaded(tmp_path)


def test_a_tokenizer_with_a_gap_in_its_numbers_is_refused(tmp_path: Path) -> None:
    published(tmp_path)
    definition = json.loads(tokenizer().definition)
    definition["model"]["vocab"]["zebra"] = PUBLISHED.vocab_size
    apart = Tokenizer(json.dumps(definition))
    with pytest.raises(ModelError, match="do not belong together"):
        text_config(text_params(model=str(tmp_path)), apart)


SIZES: dict[str, object] = {"vocab_size": 150, "pad_token_id": 0}
WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
BERTS = SIZES | WIDE | {"intermediate_size": 16, "max_position_embeddings": 40}
REFUSED: dict[str, PretrainedConfig] = {
    "gpt2": GPT2Config(**SIZES, n_embd=16, n_layer=1, n_head=2),
    "llama": LlamaConfig(**BERTS),
    "opt": OPTConfig(**BERTS, ffn_dim=16, word_embed_proj_dim=16),
    "gemma": GemmaConfig(**BERTS, head_dim=8, num_key_value_heads=1),
    "biogpt": BioGptConfig(**BERTS),
    "convbert": ConvBertConfig(**BERTS, embedding_size=16),
    "fnet": FNetConfig(**BERTS),
    "squeezebert": SqueezeBertConfig(**BERTS, embedding_size=16),
    "t5": T5Config(**SIZES, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2),
    "xlnet": XLNetConfig(**SIZES, d_model=16, n_layer=1, n_head=2, d_inner=16),
    "bart": BartConfig(
        **SIZES,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
    ),
    "vit": ViTConfig(**WIDE, intermediate_size=16, image_size=16, patch_size=8),
    "bert as a decoder": BertConfig(**BERTS, is_decoder=True),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_model_that_cannot_stand_for_a_text_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AutoModel.from_config(REFUSED[kind])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 10)
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"text\.model"):
        loaded(tmp_path)


ENDS = ("sep_token_id", "eos_token_id")
ACCEPTED: dict[str, PretrainedConfig] = {
    "bert": BertConfig(**BERTS),
    "roberta": RobertaConfig(**BERTS),
    "electra": ElectraConfig(**BERTS),
    "distilbert": DistilBertConfig(
        vocab_size=150, dim=16, hidden_dim=16, n_layers=1, n_heads=2, max_position_embeddings=40
    ),
    "albert": AlbertConfig(**BERTS, embedding_size=8),
    "mpnet": MPNetConfig(**BERTS),
    "deberta": DebertaV2Config(**BERTS),
    "modernbert": ModernBertConfig(
        **BERTS, cls_token_id=2, sep_token_id=3, eos_token_id=3, bos_token_id=2
    ),
}


@torch.no_grad()
@pytest.mark.parametrize("kind", ACCEPTED)
def test_an_encoder_of_texts_is_accepted_and_gives_its_first_token(
    kind: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    reference = AutoModel.from_config(ACCEPTED[kind]).eval()
    reference.save_pretrained(tmp_path)
    tokens = tokenizer().encode(INDICATIONS, 16)
    states = reference(input_ids=tokens.ids, attention_mask=tokens.mask).last_hidden_state
    torch.testing.assert_close(loaded(tmp_path).eval()(tokens), states[:, 0])


def test_the_probe_leaves_mode_and_random_state_alone() -> None:
    for mode in (True, False):
        model = encoder().train(mode)
        before = torch.get_rng_state()
        model.require_reading(tokenizer(), 8)
        assert model.training is mode
        assert torch.equal(torch.get_rng_state(), before)


def test_code_beside_a_model_is_never_run(tmp_path: Path) -> None:
    published(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    mine = {"auto_map": {"AutoConfig": "mine.Mine", "AutoModel": "mine.Mine"}, "model_type": "mine"}
    (tmp_path / "mine.py").write_text("raise SystemExit('the code ran')")
    (tmp_path / "config.json").write_text(json.dumps(config | mine))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["mine.Mine", None]}})
    )
    with pytest.raises(ModelError, match=r"config\.json.*never run"):
        text_config(text_params(model=str(tmp_path)), tokenizer())
    with pytest.raises(ModelError, match="never run"):
        build_tokenizer(text_params(model=str(tmp_path)), [])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"not JSON", b"\xff\xfe", b'{"model_type": "bert"']
)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_broken_file_is_one_message(name: str, content: bytes, tmp_path: Path) -> None:
    published(tmp_path)
    (tmp_path / name).write_bytes(content)
    text = text_params(model=str(tmp_path))
    step = partial(build_tokenizer, text, []) if "token" in name else partial(loaded, tmp_path)
    with pytest.raises(ModelError, match=r"text\.model|model\.safetensors"):
        step()


def test_a_tiny_text_encoder_may_have_any_width_that_its_heads_divide() -> None:
    for width, heads in ((9, 3), (1, 1), (10, 2)):
        text, read = text_params(width=width, heads=heads), tokenizer()
        model = TextEncoder(text_config(text, read), None)
        model.load_pretrained(text.model, read)
        assert model(read.encode(INDICATIONS, 16)).shape == (4, width)
    with pytest.raises(ValueError, match="10 channels cannot be shared by 3 heads"):
        text_params(width=10, heads=3)


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
