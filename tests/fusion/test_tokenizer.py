import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import BertTokenizerFast

from camchex.errors import ModelError
from camchex.fusion.tokenizer import NO_INDICATION, Tokenizer, build_tokenizer
from tests.networks.small import INDICATIONS, TEXT, VITALS, text_params, tokenizer

TEXTS = [*INDICATIONS, *VITALS]
ANOTHER = """
import json, sys
from camchex.fusion.params import TextParams
from camchex.fusion.tokenizer import build_tokenizer
params, texts = json.load(sys.stdin)
sys.stdout.write(build_tokenizer(TextParams(**params), texts).definition)
"""


@pytest.mark.slow  # another process imports torch and transformers
def test_the_tiny_vocabulary_is_the_same_in_every_process_and_for_every_order() -> None:
    here = build_tokenizer(text_params(), reversed(TEXTS)).definition
    there = subprocess.run(
        [sys.executable, "-c", ANOTHER],
        input=json.dumps([TEXT, TEXTS]),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert there.stdout == here


def test_the_tiny_vocabulary_keeps_the_most_frequent_words_that_fit() -> None:
    texts = ["often often often", "rarely", "sometimes sometimes"]
    room = text_params(vocabulary=128)
    full = build_tokenizer(text_params(vocabulary=10_000), texts).size
    assert full < 128  # so everything fits, and nothing is invented
    words = [f"word{i}x" for i in range(50)]
    crowded = build_tokenizer(room, [*texts, *words])
    assert crowded.size == 128
    whole = [word for word in ("often", "sometimes", words[-1]) if len(ids(crowded, word)) == 3]
    assert whole == ["often", "sometimes"]


def ids(read: Tokenizer, text: str) -> list[int]:
    return read.encode([text], 64).ids[0].tolist()


def vocabulary_of(read: Tokenizer) -> list[str]:
    """Return the words of a tokenizer in the order of their ids."""
    vocabulary = json.loads(read.definition)["model"]["vocab"]
    return sorted(vocabulary, key=vocabulary.__getitem__)


def test_tiny_is_a_wordpiece_tokenizer_as_bert_has_it(tmp_path: Path) -> None:
    read = tokenizer()
    vocabulary = tmp_path / "vocab.txt"
    pieces = vocabulary_of(read)
    vocabulary.write_text("\n".join(pieces))
    reference = BertTokenizerFast(str(vocabulary), do_lower_case=True)
    unseen = ["Unseen WORDS: r/o ptx, s/p 979 | NA", "naïve œdème ? a _ b", ""]
    for text in [*TEXTS, NO_INDICATION, *unseen]:
        whole = re.sub(r"(\d)\.(?=\d)", r"\1", text)  # decimals are where the two differ
        assert ids(read, whole) == reference(whole)["input_ids"]


def test_tiny_reads_a_number_as_one_word_and_an_unseen_one_by_its_digits() -> None:
    texts = ["Temperature: 97.9 | Heart rate: 117.0"]
    read = build_tokenizer(text_params(), texts)
    pieces = [vocabulary_of(read)[i] for i in ids(read, "97.9 | 171.5")]
    assert pieces == ["[CLS]", "97.9", "|", "1", "##7", "##1", "##.", "##5", "[SEP]"]
    decimals = {n for n in read.numbers().values() if n > 9}
    assert decimals == {97.9, 117.0}


def test_texts_are_padded_to_the_longest_and_cut_to_the_limit() -> None:
    read = tokenizer()
    tokens = read.encode(["cough .", "chest pain . " * 20, ""], 16)
    assert tokens.ids.shape == tokens.mask.shape == (3, 16)
    assert tokens.mask.sum(1).tolist() == [4, 16, 2]  # [CLS] and [SEP] are always there
    assert (tokens.ids[~tokens.mask] == read.padding).all()
    assert tokens.ids[1, -1] == tokens.ids[0, 3] == tokens.ids[2, 1]  # [SEP] survives the cut
    assert ids(read, "chest pain . " * 20) == ids(tokenizer(), "chest pain . " * 20)


def test_no_text_gives_no_tokens() -> None:
    tokens = tokenizer().encode([], 16)
    assert tokens.ids.shape == tokens.mask.shape == (0, 0)
    assert tokens.ids.dtype == torch.long


def test_a_tokenizer_survives_its_definition_and_a_worker_process() -> None:
    read = tokenizer()
    read.encode(["chest pain ."], 3)  # leaves no trace in the definition
    assert Tokenizer(read.definition).definition == tokenizer().definition
    assert ids(pickle.loads(pickle.dumps(read)), "chest pain .") == ids(read, "chest pain .")  # noqa: S301


def test_a_published_tokenizer_is_read_from_a_folder(tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "fever", "cough"]
    vocabulary.write_text("\n".join(pieces))
    BertTokenizerFast(str(vocabulary)).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    read = build_tokenizer(text_params(model=str(tmp_path / "bert")), ["not looked at"])
    assert ids(read, "Fever cough") == [2, 5, 6, 3]


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta", "albert"])
def test_a_tokenizer_that_a_library_makes_up_is_refused(kind: str, tmp_path: Path) -> None:
    """Of a folder without any vocabulary, transformers makes a tokenizer that knows no word."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=rf"text\.model: {tmp_path}: .*token"):
        build_tokenizer(text_params(model=str(tmp_path)), [])


def test_a_tokenizer_that_is_refused_is_named_by_its_folder(tmp_path: Path) -> None:
    headless = json.loads(tokenizer().definition) | {"post_processor": None}
    (tmp_path / "tokenizer.json").write_text(json.dumps(headless))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    plain = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(plain))
    with pytest.raises(ModelError, match=rf"text\.model: {tmp_path}: .*starts no text"):
        build_tokenizer(text_params(model=str(tmp_path)), [])


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"text\.model.*nowhere"):
        build_tokenizer(text_params(model=str(tmp_path / "nowhere")), [])
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        Tokenizer("{}")
    with pytest.raises(ModelError, match=r"no \[PAD\] token"):
        Tokenizer(tokenizer().definition.replace("[PAD]", "<pad>"))
    headless = json.loads(tokenizer().definition) | {"post_processor": None}
    with pytest.raises(ModelError, match="starts no text"):
        Tokenizer(json.dumps(headless))
