"""The words for findings beside the labels of a reader."""

from pathlib import Path

from lexicon import agreement, read_labels, share, table

from camchex.contract.labels import CXR_LT_2023
from camchex.texts.keywords import mentions

ROOT = Path(__file__).resolve().parents[2]


def test_the_words_agree_with_a_reader_of_real_indications(real_data: Path) -> None:
    texts, named = read_labels(real_data / "openi" / "indiana_reports.csv", "held_out")
    found = agreement(named, mentions(texts, CXR_LT_2023))
    assert len(texts) == 928
    assert found["all"]["named"] == 133
    assert min(found["all"]["both"] / found["all"][key] for key in ("named", "found")) > 0.9
    assert table(found) in (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")


def test_a_share_of_few_is_a_count_and_of_many_has_the_interval_of_wilson() -> None:
    assert share(5, 6) == "5 of 6"
    assert share(81, 263) == "0.31 (0.26 to 0.37)"  # Newcombe 1998, table I: .2553 to .3662
