"""Texts as token ids: by the tokenizer of a published BERT, or by a small vocabulary of words."""

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import torch
from tokenizers import Regex, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Backend
from torch import Tensor
from transformers import AutoTokenizer

from camchex.errors import ModelError
from camchex.fusion.params import TINY, TextParams
from camchex.fusion.study_batch import Tokens
from camchex.networks.hub import described_folder
from camchex.networks.transformers_models import refusing

NO_INDICATION = "No clinical history available."
"""Placeholder for a missing indication (docs/method.md, section 1.3)."""
NO_VITALS = (
    "Temperature: NA | Heart rate: NA | Respiratory rate: NA | O2 Saturation: NA | "
    "Systolic BP: NA | Diastolic BP: NA | Gender: NA"
)
"""Vital signs of a study outside the emergency department, as ``vitals_text`` writes them."""
PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
WORDS = rf"{NUMBER.pattern}|[^\W\d_]+|[^\w\s]|_"  # a number is one word, decimals and all
OTHER_WORDS = (("fever", "cough"), ("98", "72"))  # pairs that a tokenizer tells apart
LETTERS = string.ascii_lowercase + string.digits


class Tokenizer:
    """Fast tokenizer whose texts start with the token that the text encoder reads out.

    Args:
        definition: Content of a ``tokenizer.json``.

    Attributes:
        definition: The definition, laid out alike for equal tokenizers.
        padding: The token that fills shorter texts; ``[PAD]`` if the definition names none.
        start: The token that every text starts with.

    Raises:
        ModelError: If ``definition`` is no tokenizer, or one without padding or start token.
    """

    def __init__(self, definition: str) -> None:
        try:
            self._backend = Backend.from_str(definition)
        except Exception as error:  # the library raises nothing more specific
            raise ModelError(f"not a tokenizer.json: {error}") from error
        self._backend.no_truncation()
        token = (self._backend.padding or {"pad_token": PAD})["pad_token"]
        padding: int | None = self._backend.token_to_id(token)
        if padding is None:
            raise ModelError(
                f"the tokenizer has no {token} token, and its tokenizer.json names none for "
                "padding: save it with the padding token that its model was trained with"
            )
        self.padding = padding
        self.definition = self._backend.to_str(pretty=True)
        self._backend.no_padding()
        first = self._backend.encode("a")
        if not first.ids or not first.special_tokens_mask[0]:
            raise ModelError("the tokenizer starts no text with a token of its own, as [CLS] is")
        self.start = first.ids[0]

    @property
    def size(self) -> int:
        """Number of tokens in the vocabulary."""
        size: int = self._backend.get_vocab_size()
        return size

    def fits(self, known: object) -> bool:
        """Tell whether a text encoder whose vocabulary has ``known`` words knows every token."""
        vocabulary: dict[str, int] = self._backend.get_vocab()
        return not isinstance(known, int) or max(vocabulary.values(), default=0) < known

    def numbers(self) -> dict[int, float]:
        """Return the value of each token that is a number."""
        vocabulary: dict[str, int] = self._backend.get_vocab()
        return {n: float(word) for word, n in vocabulary.items() if NUMBER.fullmatch(word)}

    def encode(self, texts: Sequence[str], max_tokens: int) -> Tokens:
        """Encode texts as token ids, padded to the longest of them.

        A text of more than ``max_tokens`` is cut; its first and last special tokens stay.
        """
        self._backend.enable_truncation(max_tokens)
        # One by one: encode_batch starts threads, which do not survive in a worker process.
        ids = [self._backend.encode(text).ids for text in texts]
        lengths = torch.tensor([*map(len, ids)])
        longest = max(map(len, ids), default=0)
        padded = [row + [self.padding] * (longest - len(row)) for row in ids]
        mask: Tensor = torch.arange(longest) < lengths[:, None]
        return Tokens(torch.tensor(padded, dtype=torch.long).reshape(len(ids), longest), mask)


def build_tokenizer(text: TextParams, texts: Iterable[str]) -> Tokenizer:
    """Build the tokenizer of ``text.model``; that of ``tiny`` knows the words of ``texts``.

    Raises:
        ModelError: If the tokenizer of a published model is not available.
    """
    if text.model == TINY:
        return _word_pieces(text.vocabulary, texts)
    folder = described_folder(text.model, "text.model")
    advice = (
        f"text.model: {text.model}: no tokenizer that can be used (tokenizer.json or vocab.txt, "
        "and config.json; code beside a model is never run)"
    )
    with refusing(advice):
        published = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
        backend = published.backend_tokenizer
        backend.no_padding()
        if published.pad_token not in {None, PAD}:  # which token pads, the definition may not say
            backend.enable_padding(pad_id=published.pad_token_id, pad_token=published.pad_token)
        definition = backend.to_str()
    try:
        made = Tokenizer(definition)
    except ModelError as error:
        raise ModelError(f"text.model: {folder}: {error}") from error
    if all(len({*map(tuple, made.encode(pair, 8).ids.tolist())}) == 1 for pair in OTHER_WORDS):
        raise ModelError(
            f"text.model: {folder}: its tokenizer gives different words the same tokens. Without "
            "tokenizer.json or vocab.txt, transformers makes one that knows no word: copy the file "
            "from the page of the model"
        )
    return made


def _word_pieces(size: int, texts: Iterable[str]) -> Tokenizer:
    """Build a WordPiece tokenizer of the most frequent words, and of characters for all others.

    The trainer of the library is not used: it gives a different vocabulary every time.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
    counts = Counter(
        word
        for text in (NO_INDICATION, *texts)
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
    )
    alphabet = [*LETTERS, *string.punctuation, *(f"##{letter}" for letter in f"{LETTERS}.")]
    pieces = dict.fromkeys([PAD, UNKNOWN, START, END, *alphabet])  # an ordered set
    by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
    pieces |= dict.fromkeys(
        islice((word for word in by_frequency if word not in pieces), size - len(pieces))
    )
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = Backend(models.WordPiece(vocabulary, unk_token=UNKNOWN))
    backend.normalizer = normalizer
    backend.pre_tokenizer = splitter
    backend.post_processor = processors.BertProcessing(
        (END, vocabulary[END]), (START, vocabulary[START])
    )
    return Tokenizer(backend.to_str())
