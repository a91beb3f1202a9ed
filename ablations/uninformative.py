"""Gain by an input in cohorts in which the input says nothing: `make uninformative`.

The cohorts are copies below .camchex/uninformative, with those rows of Table 3 that the input
decides (``ablations/cohorts.py``).
"""

from pathlib import Path

from ablations import PROJECT, run
from ablations.cohorts import make_cohorts
from camchex.aggregates.results import read_results, write_results
from camchex.comparisons.uninformative import SILENCED, gains, gains_text, silenced_table
from camchex.comparisons.variants import OURS
from camchex.contract import params
from camchex.contract.files import write_text
from stages.compare_variants import SCORES_OF

COPIES = PROJECT / ".camchex" / "uninformative"
TABLE3 = Path("metrics/ablations/table3.json")
OUT = Path("metrics/ablations/uninformative.json")


def main() -> None:
    """Bring every copy up to date, and join their results."""
    informative = read_results(TABLE3)
    make_cohorts(
        COPIES,
        {name: silenced.settings for name, silenced in SILENCED.items()},
        {name: list(map(_stage, silenced.rows)) for name, silenced in SILENCED.items()},
    )
    seeds = params.load("seeds", list[int])
    tables = {}
    for name, silenced in SILENCED.items():
        files = {kind: str(COPIES / name / pattern) for kind, pattern in SCORES_OF.items()}
        tables[name] = silenced_table(silenced, seeds, files)
    found = gains(informative, tables)
    write_results(found, OUT)
    write_text(OUT.with_suffix(".md"), gains_text(found))


def _stage(row: str) -> str:
    return "evaluate" if row == OURS else f"ablations/dvc.yaml:evaluate_variant@{row}"


if __name__ == "__main__":
    run(main, __doc__)
