"""What other pipelines measured of the same run: shown in the report, if it is of the same run.

The ceiling, the variants and the truth of the pseudo-labels are outputs of their own pipelines,
which the report must not wait for. `make ceiling` and the like copy them into a folder that the
report depends on, and what is there may be of another run: every file is held against this one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from camchex.aggregates.results import DECIMALS, Results, read_results
from camchex.contract.files import sha256

CEILING, TRUTH = "ceiling", "pseudo_labels"
VARIANTS = ("table3", "baselines", "parts")
MADE_BY = {
    CEILING: "make ceiling",
    **{name: f"make {name}" for name in VARIANTS},
    TRUTH: "make truth",
}
WHOLE = "images+indication+vitals"  # the set of modalities of the model itself
OURS = "camchex"  # its row in a table of variants
SCORES = ("mAP", "AUROC")


@dataclass(frozen=True)
class Shown:
    """What the folder holds.

    Attributes:
        found: Contents by name, of this run only.
        why_not: Why a file is not among them, and what makes it, by name.
    """

    found: Mapping[str, Results]
    why_not: Mapping[str, str]


def read_shown(folder: Path, summary: Results, spread: Path) -> Shown:
    """Read what is of the same run as a summary.

    Args:
        folder: Of ``ceiling.json`` and the others; any may be missing.
        summary: As :func:`camchex.report.summary.summarise` returns it.
        spread: Folder of the spread of the pseudo-labels, ``gen<g>.json``.

    Raises:
        DataError: If a file is there and is not one JSON object.
    """
    same: dict[str, Callable[[Results], bool]] = {
        CEILING: lambda found: is_of_ceiling(found, summary),
        **dict.fromkeys(VARIANTS, lambda found: is_of_variants(found, summary)),
        TRUTH: lambda found: is_of_spread(found, spread),
    }
    found, why_not = {}, {}
    for name, command in MADE_BY.items():
        path = folder / f"{name}.json"
        if not path.exists():
            why_not[name] = f"Not measured yet: `{command}` measures it."
            continue
        content = read_results(path)
        if same[name](content):
            found[name] = content
        else:
            why_not[name] = (
                "Left out: what was measured is of other data, parameters or trainings than this "
                f"page. `{command}` measures it anew."
            )
    return Shown(found, why_not)


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


def is_of_spread(truth: Results, spread: Path) -> bool:
    """Whether every generation was scored when its pseudo-labels spread as they do now."""
    files = sorted(spread.glob("gen*.json"))
    recorded = {name: found.get("spread_sha256") for name, found in truth.items()}
    return recorded == {path.stem: sha256(path) for path in files}


def _equal(one: float | None, other: float | None) -> bool:
    """Equal but for the last digit that is written."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=0, abs_tol=2 * 10**-DECIMALS)
