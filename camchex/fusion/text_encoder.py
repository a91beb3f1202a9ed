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
"""Keys of a configuration that describe a machine or a file; weights are single precision here."""


class TextEncoder(nn.Module):
    """Text encoder: the first token of the last layer, projected to the fusion's width if needed.

    Args:
        config: Configuration as transformers writes it, with ``model_type``; weights are random.
        width: Width of the fusion; None: the width of the model.

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
        self.width = width or own
        self.projection = nn.Identity() if own == self.width else nn.Linear(own, self.width)

    def forward(self, tokens: Tokens) -> Tensor:
        """Encode texts: token ids (B, T) to embeddings (B, width)."""
        return self._first_token(input_ids=tokens.ids, attention_mask=tokens.mask)

    def _first_token(self, **inputs: Tensor) -> Tensor:
        embedding: Tensor = self.projection(self.model(**inputs).last_hidden_state[:, 0])
        return embedding

    def recompute_activations(self, *, on: bool) -> None:
        """Switch whether activations are computed again for the gradient instead of kept."""
        # The older name is deprecated where the newer one exists.
        newer = hasattr(self.model, "activation_checkpointing_enable")
        name = "activation_checkpointing" if newer else "gradient_checkpointing"
        switch = getattr(self.model, f"{name}_{'enable' if on else 'disable'}")
        switch(*([{"use_reentrant": False}] if on else []))

    @property
    def word_width(self) -> int:
        """Width of the word embeddings; in ELECTRA it differs from the width of the states."""
        width: int = self.model.get_input_embeddings().embedding_dim
        return width

    @property
    def positions(self) -> int:
        """Number of positions that the model knows: the longest text, in tokens.

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
        """Look up word embeddings (..., word_width) of token ids, before positions are added."""
        embeddings: Tensor = self.model.get_input_embeddings()(ids)
        return embeddings

    def read_out(self, embeddings: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Encode sequences of embeddings in place of words: (B, width).

        Args:
            embeddings: Embeddings before positions are added, (B, N, word_width).
            mask: False for padding, (B, N), bool.
            positions: Position of each token, from 0, (N,), long.
        """
        first = _first_position(self.model.embeddings.position_embeddings)
        numbers = (positions + first).expand(mask.shape)
        return self._first_token(
            inputs_embeds=embeddings, attention_mask=mask, position_ids=numbers
        )

    def load_pretrained(self, name: str, tokenizer: Tokenizer) -> None:
        """Load the published weights of a transformers model.

        ``tiny`` has none. There, the embeddings of numbers become sines and cosines, so that near
        numbers start near, as in a pretrained model: each number is in too few texts to learn it.

        Raises:
            ModelError: If they are not available as safetensors, or do not fit.

        Source: numbers in pretrained embeddings: Wallace et al., EMNLP 2019.
        """
        if name == TINY:
            words, (shortest, longest) = self.model.get_input_embeddings().weight, WAVELENGTHS
            waves = torch.logspace(math.log10(shortest), math.log10(longest), self.word_width // 2)
            with torch.no_grad():
                for token, value in tokenizer.numbers().items():
                    angles = 2 * math.pi * value / waves
                    words[token] = NUMBER_SCALE * torch.cat([angles.sin(), angles.cos()])
            return
        try:
            published = AutoModel.from_pretrained(name, use_safetensors=True)
            self.model.load_state_dict(_without_pooler(published).state_dict())
        except (OSError, RuntimeError, ValueError) as error:
            raise _not_to_be_had(name, error) from error


def text_config(text: TextParams, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what transformers needs to build the text encoder without the network.

    ``tokenizer`` decides the size of the vocabulary of ``tiny``.

    Raises:
        ModelError: If the configuration of the model is not available, or the model reads fewer
            tokens than ``text`` asks for.
    """
    longest = max(text.max_tokens_indication, text.max_tokens_vitals)
    config: PretrainedConfig
    if text.model == TINY:
        config = RobertaPreLayerNormConfig(  # norms come first: unlike BERT, needs no pretraining
            vocab_size=tokenizer.size,
            hidden_size=text.width,
            num_hidden_layers=text.layers,
            num_attention_heads=text.heads,
            intermediate_size=text.ffn,
            max_position_embeddings=longest + tokenizer.padding + 1,
            type_vocab_size=1,
            hidden_dropout_prob=0.0,  # a short training from scratch fits little enough
            attention_probs_dropout_prob=0.0,
            pad_token_id=tokenizer.padding,
        )
    else:
        try:
            config = AutoConfig.from_pretrained(text.model)
        except (OSError, ValueError) as error:
            raise _not_to_be_had(text.model, error) from error
    with torch.device("meta"):  # no weights: only the shapes are of interest
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


def _without_pooler(model: Any) -> Any:  # noqa: ANN401 - transformers is untyped
    """Drop the layer behind the first token, which would be trained without being used."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _positions(model: Any) -> int | None:  # noqa: ANN401 - transformers is untyped
    """Return the number of positions that a model knows; None if it has no table of them."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    return None if table is None else int(table.num_embeddings) - _first_position(table)


def _first_position(table: Any) -> int:  # noqa: ANN401 - transformers is untyped
    """Return the row of the first position: in RoBERTa and its kin, rows for padding come first."""
    return 0 if table.padding_idx is None else int(table.padding_idx) + 1


def _not_to_be_had(name: str, error: Exception) -> ModelError:
    return ModelError(
        f"text.model: {name} is not available as config.json and model.safetensors (a pickle is "
        "never loaded). Name a transformers model on the Hub, a local folder made by its "
        f"save_pretrained, or {TINY}. ({error})"
    )
