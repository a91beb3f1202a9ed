"""Untrained networks of full size, without any download: for probes and benchmarks."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertConfig

from camchex.fusion.camchex import CaMChex, build_camchex
from camchex.fusion.params import TINY, Preparation, TextParams
from camchex.fusion.section import FusionParams
from camchex.fusion.tokenizer import build_tokenizer
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.image_encoder import NO_WEIGHTS
from camchex.networks.params import EncoderParams

PREPARATION = Preparation(fit="stretch", jpeg_quality=95, cleaner="released")
"""Any preparation: it does not affect a step."""


def untrained_classifier(
    encoder: EncoderParams, classes: Sequence[str], image_size: int
) -> ImageClassifier:
    """Build the image classifier of section ``encoder`` with random weights.

    Raises:
        ModelError: If timm cannot build the backbone.
    """
    torch.manual_seed(0)
    bare = encoder.model_copy(update={"pretrained": NO_WEIGHTS})
    return build_image_classifier(bare, classes, image_size)


def untrained_camchex(
    fusion: FusionParams, text: TextParams, classifier: ImageClassifier
) -> CaMChex:
    """Build the fusion of sections ``fusion`` and ``text`` over two copies of an image encoder.

    A text encoder in a local folder is loaded; a random BERT of base size replaces one of the Hub.

    Raises:
        ModelError: If the parts do not fit together.
    """
    torch.manual_seed(0)
    sizes = text
    if not is_local(text):  # a BERT of base size, the default of transformers, as BioBERT
        base = BertConfig()
        shape = {"vocabulary": base.vocab_size, "width": base.hidden_size}
        shape |= {"layers": base.num_hidden_layers, "heads": base.num_attention_heads}
        sizes = text.model_copy(update={"model": TINY, "ffn": base.intermediate_size, **shape})
    words = [" ".join(made_up_words(sizes.vocabulary))] if sizes.model == TINY else []
    tokenizer = build_tokenizer(sizes, words)
    return build_camchex(fusion, sizes, classifier, classifier, tokenizer, PREPARATION)


def is_local(text: TextParams) -> bool:
    """Tell whether the text encoder can be built without the Hub."""
    return text.model == TINY or Path(text.model).is_dir()


def made_up_words(count: int) -> list[str]:
    """Make distinct words, each of which becomes one token."""
    return [f"w{number}" for number in range(count)]
