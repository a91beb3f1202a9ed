"""How referring physicians and radiologists write about a finding: ``phrases.yaml``."""

from collections.abc import Mapping
from importlib import resources

import yaml

from camchex.contract.params import Section


class Words(Section):
    """Ways to write about one finding.

    Attributes:
        asked: Words of a question that name the finding.
        clues: Words of a history that suggest the finding without naming it.
        seen: Words of a radiologist's report.
    """

    asked: tuple[str, ...]
    clues: tuple[str, ...]
    seen: str


class Phrases(Section):
    """All phrases.

    Attributes:
        findings: Words by finding.
        general_questions: Questions that name no finding.
        asking: Questions with ``{}`` in the place of the findings that they name.
    """

    findings: Mapping[str, Words]
    general_questions: tuple[str, ...]
    asking: tuple[str, ...]


_ALL = Phrases.model_validate(
    yaml.safe_load(resources.files(__package__).joinpath("phrases.yaml").read_text("utf-8"))
)
PHRASES, GENERAL_QUESTIONS, ASKING = _ALL.findings, _ALL.general_questions, _ALL.asking
