"""How often explanations hit what is known: the results of `make explanations`, for the page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camchex.aggregates.results import Results, read_results

NAME = "explanations"
YES_NO = {True: "yes", False: "no"}
COMMAND = "make explanations"
SCORES = ("mAP", "AUROC")
ROUNDING = 2e-6  # two results are one within this
KINDS: Mapping[str, str] = {
    "maps": "maps of images",
    "words": "words of the indication",
    "vitals": "vital signs",
    "views": "frontal and lateral apart",
}
"""Kinds of explanations with hits; contributions of inputs have correlations."""


@dataclass(frozen=True)
class ShownExplanations:
    """The results, or the reason why there are none.

    Attributes:
        results: As ``make explanations`` wrote them.
        note: Why they are not of this page's model, if they are not.
        why_not: Reason why there are none.
    """

    results: Results | None = None
    note: str | None = None
    why_not: str = f"Not measured yet: `{COMMAND}` measures it."

    @property
    def shown(self) -> list[tuple[str, list[str]]]:
        """Whether each of ``KINDS``, and contributions, are shown, yes or no, by finding."""
        if self.results is None:
            return []
        kinds = (*KINDS, "contributions")
        found = {kind: self.results.get(kind, {}).get("findings", {}) for kind in kinds}
        names = sorted({name for one in found.values() for name in one})
        return [
            (name, [YES_NO[one.get(name, {}).get("shown", False)] for one in found.values()])
            for name in names
        ]


def read_explanations(folder: Path, metrics: Mapping[int, Results], data: str) -> ShownExplanations:
    """Read the results, and compare the model that they are of with this run's.

    Args:
        folder: Folder of results of other pipelines; this one may be missing.
        metrics: Metrics of each seed.
        data: On what patients the page's models were measured.

    Raises:
        DataError: If the file is there and is not one JSON object.
    """
    path = folder / f"{NAME}.json"
    if not path.exists():
        return ShownExplanations()
    results = read_results(path)
    if results["data"] != data:
        why = f"Not measured of these patients: `{COMMAND}` can for the synthetic cohort alone."
        return ShownExplanations(why_not=why)
    here = metrics.get(results["seed"], {}).get("study", {})
    there = results["scores"]
    same = all(
        name in here and math.isclose(here[name], there[name], rel_tol=0, abs_tol=ROUNDING)
        for name in SCORES
    )
    scores = ", ".join(f"{name} {there[name]:.3f}" for name in SCORES)
    note = (
        f"Of another run, not of this page's: the model of seed {results['seed']} scored {scores} "
        f"there. `{COMMAND}` measures it anew."
    )
    return ShownExplanations(results, None if same else note)
