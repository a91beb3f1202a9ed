"""The leakage audit where its assumptions fail, without images: `make audit-validation`."""

from pathlib import Path

from ablations import run
from camchex.aggregates.results import write_results
from camchex.audit.assumptions import WORLDS, assumptions_text, simulate
from camchex.audit.generated import SETTINGS, audit_generated
from camchex.contract import params
from camchex.contract.files import write_text
from camchex.synthetic.params import SyntheticParams

OUT = Path("metrics/ablations/audit_assumptions.json")


def main() -> None:
    """Audit every simulated cohort, and hold the headline against the truth."""
    found = {name: simulate(world) for name, world in WORLDS.items()}
    given = params.load("synthetic", SyntheticParams)
    generated = {name: audit_generated(given, changed) for name, changed in SETTINGS.items()}
    write_results({"data": "synthetic", "cohorts": found, "generated": generated}, OUT)
    write_text(OUT.with_suffix(".md"), assumptions_text(found, generated))


if __name__ == "__main__":
    run(main, __doc__)
