"""Joint beside separate reading in a cohort of shared shadows: `make synergy`.

The cohort is a copy below .camchex/synergy, with all that its ceiling is compared with
(``ablations/cohorts.py``).
"""

from pathlib import Path

from ablations import PROJECT, run
from ablations.cohorts import make_cohorts
from camchex.aggregates.results import read_results, write_results
from camchex.comparisons.joint_gain import SETTINGS, joint_gain, joint_gain_text
from camchex.contract import params
from camchex.contract.files import write_text

COPIES = PROJECT / ".camchex" / "synergy"
NAME = "shared_shadows"
OUT = Path("metrics/ablations/synergy.json")


def main() -> None:
    """Bring the copy up to date, and write its gains."""
    make_cohorts(COPIES, {NAME: SETTINGS}, {NAME: ["data/synthetic/dvc.yaml:score_ceiling"]})
    ceiling = read_results(COPIES / NAME / "metrics/ceiling.json")
    found = joint_gain(ceiling, params.load("seeds", list[int]))
    write_results(found, OUT)
    write_text(OUT.with_suffix(".md"), joint_gain_text(found))


if __name__ == "__main__":
    run(main, __doc__)
