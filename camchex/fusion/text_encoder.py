"""The text encoder: a BERT whose first token stands for the text."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, RobertaPreLayerNormConfig

from camchex.errors import ModelError
from camchex.fusion.params import TINY, TextParams
from camchex.fusion.study_batch import Tokens
from camchex.fusion.tokenizer import Tokenizer
from camchex.networks import transformers_models
from camchex.networks.hub import published_folder
from camchex.networks.transformers_models import build, described, read_config, read_model, refusing
from camchex.networks.weights import without_memory

WAVELENGTHS = (40.0, 800.0)  # vital signs go up to 300, and differ by a few
NUMBER_SCALE = 0.3
BERT_RANGE, BERT_WIDTH = 0.02, 768
"""Standard deviation of BERT's first weights, and the width that it suits.

A narrower model needs larger ones, by the root of the ratio of widths: with BERT's own, its layers
add next to nothing.
"""
KEY = "text.model"
PROBE_LENGTHS = (4, 7)  # tokens of the two texts of a probe
ALIKE, LEAKING = 1e-6, 1e-2
"""Two embeddings are one within this share of their size; padding may change one by this share of
the difference between two. Models that pass are at 0 and 1e-6, ConvBERT is at 0.5."""


class TextEncoder(nn.Module):
    """Text encoder: the first token of the last layer, projected to the fusion's width if needed.

    Args:
        config: Configuration as transformers writes it, with ``model_type``; weights are random.
        width: Width of the fusion; None: the width of the model.

    Raises:
        ModelError: If transformers does not know the model, or it has no hidden size.

    Source: paper section 3.2.
    """

    def __init__(self, config: dict[str, Any], width: int | None) -> None:
        super().__init__()
        kind = config.get("model_type")
        what = f"{KEY}: transformers cannot build this text encoder, a {kind}"
        self.model = _without_pooler(build(config, what))
        with refusing(what):
            own = int(self.model.config.hidden_size)
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
        transformers_models.recompute_activations(self.model, on=on)

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
            count = -(-self.word_width // 2)
            waves = torch.logspace(math.log10(shortest), math.log10(longest), count)
            with torch.no_grad():
                for token, value in tokenizer.numbers().items():
                    angles = 2 * math.pi * value / waves
                    both = torch.cat([angles.sin(), angles.cos()])
                    words[token] = NUMBER_SCALE * both[: self.word_width]
            return
        folder = published_folder(name, KEY)
        weights = read_model(folder, read_config(folder, KEY), _is_pooler, KEY)
        kept = {key: tensor for key, tensor in weights.items() if not _is_pooler(key)}
        with refusing(f"{KEY}: {name}: its weights do not fit its config.json"):
            self.model.load_state_dict(kept)

    @torch.no_grad()
    def require_reading(self, tokenizer: Tokenizer, longest: int) -> None:
        """Raise a ModelError unless the embedding of a text depends on that text, and on it alone.

        A text of ``longest`` tokens must have one, too: not every model says how many it reads.

        The first token of a decoder sees itself only, so every text has one embedding; some models
        let padding through, so an embedding depends on the batch.
        """
        mode, kind = self.training, type(self.model).__name__
        if self.model.config.is_encoder_decoder:
            raise ModelError(
                f"{KEY}: a {kind} writes texts. Name an encoder, such as BERT or RoBERTa"
            )
        self.eval()
        with refusing(f"{KEY}: a {kind} cannot be used as text encoder"):
            few, many = (_some_text(tokenizer, length) for length in PROBE_LENGTHS)
            both = torch.nn.utils.rnn.pad_sequence(
                [few, many], batch_first=True, padding_value=tokenizer.padding
            )
            mask = torch.arange(len(many)) < torch.tensor([[len(few)], [len(many)]])
            first, second = self(Tokens(both, mask))
            alone = self(Tokens(few[None], mask[:1, : len(few)]))[0]
        with refusing(f"{KEY}: a {kind} cannot read {longest} tokens (text.max_tokens_...)"):
            long = _some_text(tokenizer, longest)[None]
            self(Tokens(long, torch.ones_like(long, dtype=torch.bool)))
        self.train(mode)
        apart = float((first - second).abs().max())
        if not apart > ALIKE * float(first.abs().max()):
            raise ModelError(
                f"{KEY}: a {kind} gives two texts the same embedding, as its first token does not "
                "see the others (it is a decoder), or its weights are empty. Name an encoder, such "
                "as BERT or RoBERTa"
            )
        if not float((alone - first).abs().max()) < LEAKING * apart:
            raise ModelError(
                f"{KEY}: a {kind} reads the padding behind a text, so that its embedding depends "
                "on the other texts of a batch. Name another encoder, such as BERT or RoBERTa"
            )


def text_config(text: TextParams, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what transformers needs to build the text encoder without the network.

    ``tokenizer`` decides the size of the vocabulary of ``tiny``.

    Raises:
        ModelError: If the configuration of the model is not available, or the model reads fewer
            tokens than ``text`` asks for.
    """
    longest = text.longest
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
            initializer_range=BERT_RANGE * math.sqrt(BERT_WIDTH / text.width),
            hidden_dropout_prob=0.0,  # a short training from scratch fits little enough
            attention_probs_dropout_prob=0.0,
            pad_token_id=tokenizer.padding,
        )
    else:
        folder = published_folder(text.model, KEY)
        config = read_config(folder, KEY)
    with without_memory():  # only the shapes are of interest
        known = _positions(build(config, f"{KEY}: {text.model}: transformers cannot build it"))
    if known is not None and longest > known:
        raise ModelError(
            f"text.max_tokens_indication, text.max_tokens_vitals: {text.model} reads at most "
            f"{known} tokens, found {longest}"
        )
    with refusing(f"{KEY}: {text.model}: its config.json has no vocabulary: no model of texts"):
        vocabulary = int(config.vocab_size)
    if not tokenizer.fits(vocabulary):
        raise ModelError(
            f"text.model: {text.model}: its tokenizer has {tokenizer.size} tokens, some of which "
            f"are none of the {vocabulary} that its model knows: they do not belong together"
        )
    return described(config)


def _without_pooler(model: Any) -> Any:  # noqa: ANN401 - transformers is untyped
    """Drop the layer behind the first token, which would be trained without being used."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _positions(model: Any) -> int | None:  # noqa: ANN401 - transformers is untyped
    """Return the number of positions that a model knows; None if it has no table of them."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    return table.num_embeddings - _first_position(table)


def _first_position(table: Any) -> int:  # noqa: ANN401 - transformers is untyped
    """Return the row of the first position: in RoBERTa and its kin, rows for padding come first."""
    return 0 if table.padding_idx is None else int(table.padding_idx) + 1


def _is_pooler(name: str) -> bool:
    """Tell whether a weight is of the layer behind the first token, which is dropped."""
    return name.startswith("pooler.")


def _some_text(tokenizer: Tokenizer, length: int) -> Tensor:
    """Return token ids (length,): the start, then tokens that differ from text to text."""
    step = max(tokenizer.size // (length + 1), 1)
    ids = [step * place % tokenizer.size for place in range(1, length)]
    return torch.tensor([tokenizer.start, *ids])
