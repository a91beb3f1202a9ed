"""The leakage audit where its assumptions fail, at the level of labels: `make audit-validation`."""

import os
import sys
from pathlib import Path

from ablations.cohorts import PROJECT
from camchex.aggregates.results import write_results
from camchex.audit.assumptions import WORLDS, assumptions_text, simulate
from camchex.contract.files import write_text

OUT = Path("metrics/ablations/audit_assumptions.json")


def main() -> int:
    """Audit every simulated cohort, and hold the headline against the truth."""
    found = {name: simulate(world) for name, world in WORLDS.items()}
    write_results({"data": "synthetic", "cohorts": found}, OUT)
    write_text(OUT.with_suffix(".md"), assumptions_text(found))
    return 0


if __name__ == "__main__":
    os.chdir(PROJECT)
    sys.exit(main())
