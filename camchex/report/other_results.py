"""Results of other pipelines, shown in the report if they were measured of the same run.

The ceiling, the variants and the truth of the pseudo-labels are outputs of their own pipelines,
which the report must not wait for. They are copied into a folder that the report depends on, so
that a file there may be of another run: every file is compared with this run.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from camchex.aggregates.results import DECIMALS, Results, read_results
from camchex.comparisons.variants import OURS
from camchex.contract.files import sha256

CEILING, TRUTH = "ceiling", "pseudo_labels"
VARIANTS = ("table3", "baselines", "parts")
NAMES = (CEILING, *VARIANTS, TRUTH)
WHOLE = "images+indication+vitals"  # the set of modalities of the model itself
SCORES = ("mAP", "AUROC")


@dataclass(frozen=True)
class OtherResults:
    """Contents of the folder.

    Attributes:
        found: Results by name, of this run only.
        why_not: Reason why results are not among them, and the command that makes them, by name.
    """

    found: Mapping[str, Results]
    why_not: Mapping[str, str]


def read_other_results(
    folder: Path, summary: Results, pseudo_labels: Path, made_by: Mapping[str, str]
) -> OtherResults:
    """Read the results that are of the same run as a summary.

    Args:
        folder: Folder of ``<name>.json`` for each of ``NAMES``; any may be missing.
        summary: Scores over all seeds, as :func:`camchex.report.summary.summarise` returns them.
        pseudo_labels: Folder of the quantiles of the pseudo-labels, ``gen<g>.json``.
        made_by: Command that measures each of ``NAMES``.

    Raises:
        DataError: If a file is there and is not one JSON object.
    """
    same: dict[str, Callable[[Results], bool]] = {
        CEILING: lambda found: is_of_ceiling(found, summary),
        **dict.fromkeys(VARIANTS, lambda found: is_of_variants(found, summary)),
        TRUTH: lambda found: is_of_pseudo_labels(found, pseudo_labels),
    }
    found, why_not = {}, {}
    for name in NAMES:
        path, command = folder / f"{name}.json", made_by[name]
        if not path.exists():
            why_not[name] = f"Not measured yet: `{command}` measures it."
        elif same[name](content := read_results(path)):
            found[name] = content
        else:
            why_not[name] = (
                "Left out: what was measured is of other data, parameters or trainings than this "
                f"page. `{command}` measures it anew."
            )
    return OtherResults(found, why_not)


def is_of_ceiling(ceiling: Results, summary: Results) -> bool:
    """Whether a ceiling was compared with the predictions that a summary is of."""
    test = ceiling["splits"]["test"]
    ours = test["sets"][WHOLE]["ours"]
    means = {score: summary["study"][score]["mean"] for score in SCORES}
    return (
        ceiling["data"] == summary["data"]
        and test["studies"] == summary["studies"]
        and ours is not None
        and all(_equal(ours[score], means[score]) for score in SCORES)
    )


def is_of_variants(table: Results, summary: Results) -> bool:
    """Whether a table's row of the model itself is the summary: seeds, means and deviations."""
    row = table["rows"].get(OURS)
    return (
        table["data"] == summary["data"]
        and table["seeds"] == summary["seeds"]
        and row is not None
        and all(
            _equal(row[score][part], summary["study"][score][part])
            for score in SCORES
            for part in ("mean", "sd")
        )
    )


def is_of_pseudo_labels(truth: Results, folder: Path) -> bool:
    """Whether every generation was scored when its pseudo-labels were those of a folder."""
    files = sorted(folder.glob("gen*.json"))
    recorded = {name: found.get("spread_sha256") for name, found in truth.items()}
    return recorded == {path.stem: sha256(path) for path in files}


def _equal(one: float | None, other: float | None) -> bool:
    """Equal but for the last digit that is written."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=0, abs_tol=2 * 10**-DECIMALS)
