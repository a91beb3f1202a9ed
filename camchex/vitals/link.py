"""Which ED stay a study was taken in, and the vital signs measured there."""

from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts
from camchex.contract import tables
from camchex.contract.schemas import VITAL_SIGNS, VITALS
from camchex.texts.vitals_text import vitals_texts
from camchex.vitals.params import VitalsParams
from camchex.vitals.plausible import believe

LINKED = pa.schema([field for field in VITALS if field.name != "vitals_text"])


@dataclass(frozen=True)
class Linkage:
    """Vital signs by study, and what became of the values on the way.

    Attributes:
        vitals: ``schemas.VITALS``, one row per study.
        values: Counts of ``plausible.believe`` by table; ``studies``: after the values of a study
            were put together.
    """

    vitals: pa.Table
    values: Counts


def link_vitals(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> pa.Table:
    """Give every study the vital signs of its ED stay.

    A value is the plausible one from triage, else the latest plausible one charted at or before
    the study, never after it. Triage has no time of its own and counts as taken on arrival: within
    the slack of ``hours_before`` the clocks of the two systems are held to disagree, so a study
    stamped shortly before arrival still has its triage.

    Args:
        studies: ``schemas.STUDIES``.
        edstays: patient_id, stay_id, intime, outtime, gender; one row per stay.
        triage: patient_id, stay_id and the columns of ``schemas.VITAL_SIGNS``; one row per stay.
        vitalsign: As ``triage``, with charttime; any number of rows per stay.
        params: The rule (``link.sql`` states it, with its ties), its slack, the ranges.

    Returns:
        ``schemas.VITALS``, one row per study.

    Source:
        Paper section 4 (vital signs "recorded at triage", linked by "admission times") states
        neither rule nor window. ``nearest_any`` links as the released code does; ``within_stay``
        and the ranges are this project's.
    """
    return link(studies, edstays, triage, vitalsign, params).vitals


def link(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> Linkage:
    """Link as :func:`link_vitals` does, and tell what became of the values."""
    arrival, chart = believe(triage, params.ranges), believe(vitalsign, params.ranges)
    inputs = {
        "studies": studies,
        "edstays": edstays,
        "triage": arrival.table,
        "vitalsign": chart.table,
    }
    values: dict[str, object] = {
        "rule": params.rule,
        "before": timedelta(hours=params.hours_before),
        "after": timedelta(hours=params.hours_after),
    }
    measured = tables.run_sql("vitals/link.sql", inputs, LINKED, values)
    # Believed once more, since one pressure may come from triage and the other from the chart.
    linked = believe(measured, params.ranges)
    table = _clear_sources(linked.table)
    return Linkage(
        vitals=table.append_column("vitals_text", vitals_texts(table)).cast(VITALS),
        values={"triage": arrival.counts, "vitalsign": chart.counts, "studies": linked.counts},
    )


def _clear_sources(linked: pa.Table) -> pa.Table:
    """Leave a source only where there is a value."""
    for name in VITAL_SIGNS:
        index = linked.column_names.index(f"{name}_source")
        known = pc.is_valid(linked[name])
        source = pc.if_else(known, linked[f"{name}_source"], pa.scalar(None, pa.string()))
        linked = linked.set_column(index, f"{name}_source", source)
    return linked
