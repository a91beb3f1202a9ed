"""Give every study the vital signs of its ED stay."""

from camchex import params, schemas, tables
from camchex.small_cells import write_counts
from camchex.sources import mimic_iv_ed
from camchex.vitals.counts import vitals_counts
from camchex.vitals.link import link_vitals
from camchex.vitals.params import VitalsParams
from stages import Input, Output, run


def main(
    studies: Input, edstays: Input, triage: Input, vitalsign: Input, out: Output, metrics: Output
) -> None:
    """Link studies to ED stays; write one row of vital signs per study, and what was counted."""
    rule = params.load("vitals", VitalsParams)
    raw = (
        tables.read(studies, schemas.STUDIES),
        mimic_iv_ed.read_edstays(edstays),
        mimic_iv_ed.read_triage(triage),
        mimic_iv_ed.read_vitalsign(vitalsign),
    )
    vitals = link_vitals(*raw, rule)
    tables.write(vitals, out, schemas.VITALS)
    counts = vitals_counts(*raw, vitals, rule)
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
