"""The audit on cohorts of the generator whose words and labels break what the audit assumes."""

import re
from functools import cache

import numpy as np
import pytest

from camchex.aggregates.results import Results
from camchex.audit import generated
from camchex.audit.assumptions import Size
from camchex.audit.generated import SETTINGS, SHARED, Requests, _requests, audit_generated
from camchex.contract.labels import CXR_LT_2023
from camchex.synthetic.people.phrases import PHRASES
from camchex.texts.keywords import mentions
from camchex.texts.masking import mask_findings
from tests.synthetic.ceiling_cohort import demo

SMALL = Size(studies=700, resamples=40, shuffles=5)
HIDING = "leak 0.7; half of the words unlisted"
UNLISTED = re.compile(
    "|".join(rf"\b{text}\b" for words in PHRASES.values() for text in words.unlisted)
)


@pytest.fixture(scope="module")
def requests() -> Requests:
    return _requests(demo(label_leak=0.7, unlisted_words=0.5), "test", 300)


def test_the_audit_leaves_unlisted_words_and_the_truth_leaves_none(requests: Requests) -> None:
    def having(texts: object) -> int:
        return sum(UNLISTED.search(text) is not None for text in texts)  # type: ignore[attr-defined]

    assert having(requests.texts) > 50
    assert having(requests.masked) >= having(requests.texts)  # a mask can join two words
    assert having(requests.silent) == 0
    for texts in (requests.masked, requests.silent):
        assert not mentions(texts, CXR_LT_2023).any()


def test_leaked_labels_are_the_clean_ones_and_more(requests: Requests) -> None:
    assert (requests.learnt >= requests.clean).all()
    assert (requests.learnt > requests.clean).any(axis=0).all()
    clean = _requests(demo(label_leak=0.0), "test", 300)
    np.testing.assert_array_equal(clean.learnt, requests.clean)


def test_the_search_reads_the_labels_as_a_cohort_has_them(requests: Requests) -> None:
    table = requests.cohort()
    for q, name in enumerate(SHARED):
        np.testing.assert_array_equal(table[name].to_numpy(), requests.learnt[:, q])
        np.testing.assert_array_equal(table[f"mimic14.{name}"].to_numpy(), requests.published[:, q])


@pytest.fixture(scope="module")
def found() -> dict[str, Results]:
    names = ("no leak, nothing else wrong", "leak 0.7", HIDING)
    with pytest.MonkeyPatch.context() as patch:  # cohorts share most of their texts
        patch.setattr(generated, "mask_findings", cache(mask_findings))
        return {name: audit_generated(demo(), SETTINGS[name], SMALL) for name in names}


def test_a_clean_cohort_of_the_generator_is_not_accused(found: dict[str, Results]) -> None:
    clean = found["no leak, nothing else wrong"]
    assert clean["true_share"] == pytest.approx(1)
    assert (clean["accused"], clean["leak_found"], clean["words_found"]) == (False, False, 0)


def test_a_leak_of_the_generator_is_measured_and_hidden_by_unlisted_words(
    found: dict[str, Results],
) -> None:
    leak, hidden = found["leak 0.7"], found[HIDING]
    assert leak["low"] <= leak["true_share"] <= leak["high"] < 1
    assert hidden["true_share"] < hidden["low"]
    assert hidden["words_found"] > 0


def test_every_cohort_is_one_that_the_generator_can_make() -> None:
    for changed in SETTINGS.values():
        demo(**changed)
