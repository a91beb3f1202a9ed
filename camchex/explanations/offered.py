"""What ``camchex explain`` may show, and the evidence for it: the one owner of both.

``make explanations`` measures every method beside its baselines and writes the evidence; nothing is
shown of a finding for which an explanation was not better than all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from camchex.aggregates.results import Results, read_results
from camchex.errors import DataError

Kind = Literal["maps", "words", "vitals", "contributions", "views"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EVIDENCE = Path(__file__).parent / "evidence.json"
KEPT = ("data", "model_sha256", "methods")
NAMES: Mapping[Kind, str] = {
    "maps": "the map",
    "words": "the words",
    "vitals": "the vital signs",
    "contributions": "what each input contributed",
    "views": "the split between frontal and lateral images",
}


@dataclass(frozen=True)
class Evidence:
    """What is known of the explanations of one model.

    Attributes:
        data: On what patients it was measured: synthetic or real.
        model_sha256: Digest of the weights of the model that was measured.
        methods: The method of each kind, but of contributions, which have one.
        verdicts: By kind and finding, as ``camchex.explanations.measured.judged`` gives them.
    """

    data: str
    model_sha256: str
    methods: Mapping[str, str]
    verdicts: Mapping[Kind, Mapping[str, Results]]

    def why_not(self, kind: Kind, finding: str) -> str | None:
        """Say why an explanation of a finding is not shown; None if it is."""
        name, found = NAMES[kind], self.verdicts[kind].get(finding)
        if found is None:
            return f"not shown: for this finding nobody measured {name}"
        if not found["shown"]:
            return f"not shown: for this finding {name} did not beat its baselines"
        return None


def evidence(results: Results) -> Results:
    """Select from the results of a measurement what decides what is shown."""
    return {
        **{key: results[key] for key in KEPT},
        "verdicts": {kind: results[kind]["findings"] if kind in results else {} for kind in KINDS},
    }


def read_evidence(path: Path = EVIDENCE) -> Evidence:
    """Read the evidence, by default that which comes with this version: the demo's.

    Args:
        path: The evidence, or results of ``make explanations``.

    Raises:
        DataError: If the file is missing, or is something else.
    """
    try:
        content = read_results(path)
        found = content if "verdicts" in content else evidence(content)
        verdicts = {kind: found["verdicts"][kind] for kind in KINDS}
        return Evidence(**{key: found[key] for key in KEPT}, verdicts=verdicts)
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: not evidence of explanations: {error}. `make explanations` makes it."
        ) from error
