"""The text encoder: a BERT whose first token stands for the text."""

import json
import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, RobertaPreLayerNormConfig

from camchex.errors import ModelError
from camchex.fusion.params import TINY, TextParams
from camchex.fusion.study_batch import Tokens
from camchex.fusion.tokenizer import Tokenizer

WAVELENGTHS = (40.0, 800.0)  # vital signs go up to 300, and differ by a few
NUMBER_SCALE = 0.3
NOT_KEPT = ("_name_or_path", "transformers_version", "dtype", "torch_dtype")
"""What of a configuration describes a machine or a file: weights are single precision here."""


class TextEncoder(nn.Module):
    """First token of the last layer, brought to the width of the fusion where that differs.

    Args:
        config: As transformers writes it, with its ``model_type``; the weights are random.
        width: Width of the fusion; None: that of the model.

    Raises:
        ModelError: If transformers does not know the model.

    Source: paper section 3.2.
    """

    def __init__(self, config: dict[str, Any], width: int | None) -> None:
        super().__init__()
        try:
            architecture = AutoConfig.for_model(**config)
            self.model = _without_pooler(AutoModel.from_config(architecture))  # type: ignore[no-untyped-call]
        except (TypeError, ValueError) as error:
            raise ModelError(f"transformers cannot build this text encoder: {error}") from error
        own: int = architecture.hidden_size
        self.width = own if width is None else width
        self.projection = nn.Identity() if own == self.width else nn.Linear(own, self.width)

    def forward(self, tokens: Tokens) -> Tensor:
        """Encode texts: (B, T) token ids to (B, width)."""
        states = self.model(input_ids=tokens.ids, attention_mask=tokens.mask).last_hidden_state
        embedding: Tensor = self.projection(states[:, 0])
        return embedding

    def recompute_activations(self, *, on: bool) -> None:
        """Compute activations again for the gradient, instead of keeping them; or no longer."""
        # The older name is deprecated where the newer one exists.
        newer = hasattr(self.model, "activation_checkpointing_enable")
        name = "activation_checkpointing" if newer else "gradient_checkpointing"
        if on:
            getattr(self.model, f"{name}_enable")({"use_reentrant": False})
        else:
            getattr(self.model, f"{name}_disable")()

    @property
    def word_width(self) -> int:
        """Width of the word embeddings: not always that of the states (ELECTRA)."""
        width: int = self.model.get_input_embeddings().embedding_dim
        return width

    @property
    def positions(self) -> int:
        """How many positions are known: the longest text, in tokens.

        Raises:
            ModelError: If the model has no table of positions.
        """
        known = _positions(self.model)
        if known is None:
            raise ModelError(
                f"fusion.architecture: mmbt: {type(self.model).__name__} learnt no positions, as "
                "BERT, RoBERTa, ELECTRA and DistilBERT did; name one of these in text.model"
            )
        return known

    def words(self, ids: Tensor) -> Tensor:
        """Word embeddings (..., word_width) of token ids, before positions are added."""
        embeddings: Tensor = self.model.get_input_embeddings()(ids)
        return embeddings

    def read_out(self, embeddings: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Encode sequences of embeddings in place of words.

        Args:
            embeddings: (B, N, word_width).
            mask: What is there to be read, (B, N), bool.
            positions: From 0, (N,), long.

        Returns:
            The first token of the last layer, (B, width).
        """
        first = _first_position(self.model.embeddings.position_embeddings)
        states = self.model(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=(positions + first).expand(mask.shape),
        ).last_hidden_state
        embedding: Tensor = self.projection(states[:, 0])
        return embedding

    def load_pretrained(self, name: str, tokenizer: Tokenizer) -> None:
        """Load the published weights of a transformers model.

        ``tiny`` has none. Only its numbers start where near ones are near, as the words of a
        pretrained model do: too few texts hold any one of them to learn that.

        Raises:
            ModelError: If they cannot be had as safetensors, or do not fit.

        Source: what pretrained embeddings know of numbers: Wallace et al., EMNLP 2019.
        """
        if name == TINY:
            words = self.model.get_input_embeddings().weight
            with torch.no_grad():
                for token, value in tokenizer.numbers().items():
                    words[token] = _number_embedding(value, self.word_width)
            return
        try:
            published = AutoModel.from_pretrained(name, use_safetensors=True)
            self.model.load_state_dict(_without_pooler(published).state_dict())
        except (OSError, RuntimeError, ValueError) as error:
            raise _not_to_be_had(name, error) from error


def _number_embedding(value: float, width: int) -> Tensor:
    """Sines and cosines of a number, of wavelengths that tell vital signs apart."""
    shortest, longest = WAVELENGTHS
    waves = torch.logspace(math.log10(shortest), math.log10(longest), width // 2)
    angles = 2 * math.pi * value / waves
    return NUMBER_SCALE * torch.cat([angles.sin(), angles.cos()])


def text_config(text: TextParams, tokenizer: Tokenizer) -> dict[str, Any]:
    """What transformers needs to build the text encoder without the network.

    Args:
        text: Section ``text``.
        tokenizer: Decides the size of the vocabulary of ``tiny``.

    Raises:
        ModelError: If the model's configuration cannot be had, or it reads fewer tokens than
            ``text`` asks for.
    """
    longest = max(text.max_tokens_indication, text.max_tokens_vitals)
    config = _tiny(text, tokenizer, longest) if text.model == TINY else _published(text.model)
    with torch.device("meta"):  # no weights: only what is built is of interest
        known = _positions(AutoModel.from_config(config))  # type: ignore[no-untyped-call]
    if known is not None and longest > known:
        raise ModelError(
            f"text.max_tokens_indication, text.max_tokens_vitals: {text.model} reads at most "
            f"{known} tokens, found {longest}"
        )
    if tokenizer.size > config.vocab_size:
        raise ModelError(
            f"text.model: {text.model}: its tokenizer has {tokenizer.size} tokens, its model knows "
            f"{config.vocab_size}: they do not belong together"
        )
    described: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return {name: value for name, value in described.items() if name not in NOT_KEPT}


def _tiny(text: TextParams, tokenizer: Tokenizer, longest: int) -> PretrainedConfig:
    return RobertaPreLayerNormConfig(  # norms come first: unlike BERT it needs no pretraining
        vocab_size=tokenizer.size,
        hidden_size=text.width,
        num_hidden_layers=text.layers,
        num_attention_heads=text.heads,
        intermediate_size=text.ffn,
        max_position_embeddings=longest + tokenizer.padding + 1,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,  # it learns little enough in a short training
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.padding,
    )


def _published(name: str) -> PretrainedConfig:
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise _not_to_be_had(name, error) from error
    return config


def _without_pooler(model: Any) -> Any:  # noqa: ANN401 - transformers is untyped
    """Drop the layer behind the first token, which would be trained without being used."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _positions(model: Any) -> int | None:  # noqa: ANN401 - transformers is untyped
    """How many positions a model knows; None if it has no table of them."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    return None if table is None else int(table.num_embeddings) - _first_position(table)


def _first_position(table: Any) -> int:  # noqa: ANN401 - transformers is untyped
    """Row of the first position: RoBERTa and its kin start behind a row for padding."""
    return 0 if table.padding_idx is None else int(table.padding_idx) + 1


def _not_to_be_had(name: str, error: Exception) -> ModelError:
    return ModelError(
        f"text.model: {name} is not to be had as config.json and model.safetensors (a pickle is "
        "never loaded). Name a transformers model on the Hub, a local folder made by its "
        f"save_pretrained, or {TINY}. ({error})"
    )
