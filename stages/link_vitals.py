"""Give every study the vital signs of its ED stay."""

from camchex.aggregates.small_cells import write_counts
from camchex.contract import params, schemas, tables
from camchex.sources.mimic import mimic_iv_ed
from camchex.vitals.link import link_and_count
from camchex.vitals.params import VitalsParams
from stages import Input, Output, run


def main(
    studies: Input, edstays: Input, triage: Input, vitalsign: Input, out: Output, metrics: Output
) -> None:
    """Link studies to ED stays; write one row of vital signs per study, and counts."""
    rule = params.load("vitals", VitalsParams)
    taken = tables.read(studies, schemas.STUDIES)
    ed = mimic_iv_ed.read_ed(edstays, triage, vitalsign, taken)
    vitals, counts = link_and_count(taken, *ed, rule)
    tables.write(vitals, out, schemas.VITALS)
    write_counts(counts, metrics, params.load("evaluation.min_cell", int))


if __name__ == "__main__":
    run(main)
