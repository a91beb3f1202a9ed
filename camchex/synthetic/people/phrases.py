"""How referring physicians and radiologists write about a finding: ``phrases.yaml``."""

from collections.abc import Mapping, Sequence

from camchex.contract.params import Section
from camchex.contract.yaml_file import read_data
from camchex.synthetic.params import Wording
from camchex.synthetic.people.synergy import ONE, OTHER


class Words(Section):
    """Ways to write about one finding."""

    asked: tuple[str, ...]  # words of a question that name the finding
    paraphrases: tuple[str, ...]  # other words of real requests, which the lists of words hold
    unlisted: tuple[str, ...]  # words for the finding that no list holds
    clues: tuple[str, ...]  # words of a history that suggest the finding without naming it
    seen: str  # words of a radiologist's report


class Phrases(Section):
    """All phrases."""

    findings: Mapping[str, Words]  # words by finding
    general_questions: tuple[str, ...]  # questions that name no finding
    asking: tuple[str, ...]  # questions with ``{}`` in the place of the findings that they name
    left: str  # words of a history that name the side of the symptoms
    right: str


_ALL = read_data(__package__, "phrases.yaml", Phrases)
PHRASES, GENERAL_QUESTIONS, ASKING = _ALL.findings, _ALL.general_questions, _ALL.asking
SIDES = {ONE: _ALL.left, OTHER: _ALL.right}


def other_words(finding: str, wording: Wording) -> Sequence[tuple[float, Sequence[str]]]:
    """Give the kinds of words for a finding that stand for ``asked``, each with its share."""
    words = PHRASES[finding]
    kinds = (wording.paraphrases, words.paraphrases), (wording.unlisted, words.unlisted)
    return [(share, texts) for share, texts in kinds if share]


def chances(finding: str, wording: Wording) -> Mapping[str, float]:
    """Give the probability of each wording of a finding that is asked for."""
    other = other_words(finding, wording)
    usual = (1 - sum(share for share, _ in other), PHRASES[finding].asked)
    return {text: share / len(texts) for share, texts in (usual, *other) for text in texts}
