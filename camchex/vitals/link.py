"""The ED stay that each study was taken in, and the vital signs measured there."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts, percentiles
from camchex.contract import tables
from camchex.contract.schemas import VITAL_SIGNS, VITALS
from camchex.texts.vitals_text import vitals_texts
from camchex.vitals.params import VitalsParams
from camchex.vitals.plausible import drop_implausible

LINKED = pa.schema([field for field in VITALS if field.name != "vitals_text"])
ROW_COUNTS = (
    *("edstays", "edstays_duplicate", "edstays_untimed", "edstays_ending_before_start"),
    *("triage", "triage_duplicate", "triage_orphan"),
    *("vitalsign", "vitalsign_untimed", "vitalsign_orphan"),
)


def link_vitals(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> pa.Table:
    """Give every study the vital signs of its ED stay.

    A value is the plausible one from triage, else the latest plausible one charted at or before
    the study, never after it. Triage has no time of its own and counts as taken on arrival. A
    study stamped shortly before arrival still has its triage, since the clocks of the two systems
    are held to disagree by up to ``hours_before``.

    Args:
        studies: ``schemas.STUDIES``.
        edstays: patient_id, stay_id, intime, outtime, gender; one row per stay.
        triage: patient_id, stay_id and the columns of ``schemas.VITAL_SIGNS``; one row per stay.
        vitalsign: Columns of ``triage`` and charttime; any number of rows per stay.
        params: The rule (``link.sql`` states it, with its ties), its slack, the ranges.

    Returns:
        ``schemas.VITALS``, one row per study.

    Source:
        Paper section 4 (vital signs "recorded at triage", linked by "admission times") states
        neither rule nor window. ``nearest_any`` links as the released code does; ``within_stay``
        and the ranges are this project's.
    """
    return _link(studies, edstays, triage, vitalsign, params)[0]


def link_and_count(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> tuple[pa.Table, Counts]:
    """Link as :func:`link_vitals` does, and count what was found, changed and not used.

    Returns:
        ``schemas.VITALS``, and counts (aggregates, small cells not hidden): ``studies`` linked or
        not; ``sources`` of each value over the linked studies; ``minutes_from_arrival``:
        percentiles of its absolute value; ``rows`` of the raw tables that could not be used;
        ``values`` converted and dropped, by table and rule (``studies``: after the values of a
        study were put together).
    """
    vitals, values = _link(studies, edstays, triage, vitalsign, params)
    raw = {"edstays": edstays, "triage": triage, "vitalsign": vitalsign}
    row_counts = pa.schema([pa.field(name, pa.int64()) for name in ROW_COUNTS])
    linked = vitals.filter(pc.is_valid(vitals["stay_id"]))
    minutes = linked["minutes_since_arrival"].to_numpy()
    sources = {}
    for name in VITAL_SIGNS:
        column = linked[f"{name}_source"]
        sources[name] = {
            **{s: pc.sum(pc.equal(column, s)).as_py() or 0 for s in ("triage", "vitalsign")},
            "missing": column.null_count,
        }
    return vitals, {
        "studies": {
            "total": vitals.num_rows,
            "linked": linked.num_rows,
            "unlinked": vitals.num_rows - linked.num_rows,
            "linked_before_arrival": int((minutes < 0).sum()),
        },
        "sources": sources,
        "minutes_from_arrival": percentiles(np.abs(minutes).tolist()),
        "rows": tables.run_sql("vitals/row_counts.sql", raw, row_counts).to_pylist()[0],
        "values": values,
    }


def _link(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> tuple[pa.Table, Counts]:
    """Return the linked table, and counts of ``drop_implausible`` by table."""
    arrival = drop_implausible(triage, params.ranges)
    chart = drop_implausible(vitalsign, params.ranges)
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
    # Once more, since one pressure may come from triage and the other from the chart.
    table, counts = drop_implausible(measured, params.ranges)
    for name in VITAL_SIGNS:  # a source only where there is a value
        at = table.column_names.index(f"{name}_source")
        known = pc.is_valid(table[name])
        source = pc.if_else(known, table.column(at), pa.scalar(None, pa.string()))
        table = table.set_column(at, f"{name}_source", source)
    vitals = table.append_column("vitals_text", vitals_texts(table)).cast(VITALS)
    return vitals, {"triage": arrival.counts, "vitalsign": chart.counts, "studies": counts}
