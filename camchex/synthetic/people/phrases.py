"""How referring physicians and radiologists write about a finding: ``phrases.yaml``."""

from collections.abc import Mapping

from camchex.contract.params import Section
from camchex.contract.yaml_file import read_data
from camchex.synthetic.people.synergy import ONE, OTHER


class Words(Section):
    """Ways to write about one finding."""

    asked: tuple[str, ...]  # words of a question that name the finding
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
