"""Which ED stay a study was taken in, and the vital signs measured there."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from camchex import tables
from camchex.schemas import VITAL_SIGNS, VITALS
from camchex.vitals.params import VitalsParams
from camchex.vitals.plausible import believe
from camchex.vitals.text import vitals_text

LINKED = pa.schema([field for field in VITALS if field.name != "vitals_text"])


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
    # Believed once more, since one pressure may come from triage and the other from the chart.
    linked = believe(measured_in_stay(studies, edstays, triage, vitalsign, params), params.ranges)
    table = _clear_sources(linked.table)
    rows = table.select([*VITAL_SIGNS, "gender"]).to_pylist()
    texts = [vitals_text({n: row[n] for n in VITAL_SIGNS}, row["gender"]) for row in rows]
    return table.append_column("vitals_text", pa.array(texts, pa.string())).cast(VITALS)


def measured_in_stay(
    studies: pa.Table,
    edstays: pa.Table,
    triage: pa.Table,
    vitalsign: pa.Table,
    params: VitalsParams,
) -> pa.Table:
    """Link as :func:`link_vitals` does, before the values of a study are held against each other.

    Returns:
        ``LINKED``; a source stands also where the value is missing.
    """
    inputs = {
        "studies": studies,
        "edstays": edstays,
        "triage": believe(triage, params.ranges).table,
        "vitalsign": believe(vitalsign, params.ranges).table,
    }
    values: dict[str, object] = {
        "rule": params.rule,
        "before": timedelta(hours=params.hours_before),
        "after": timedelta(hours=params.hours_after),
    }
    return tables.run_sql("vitals/link.sql", inputs, LINKED, values)


def _clear_sources(linked: pa.Table) -> pa.Table:
    """Leave a source only where there is a value."""
    for name in VITAL_SIGNS:
        index = linked.column_names.index(f"{name}_source")
        known = pc.is_valid(linked[name])
        source = pc.if_else(known, linked[f"{name}_source"], pa.scalar(None, pa.string()))
        linked = linked.set_column(index, f"{name}_source", source)
    return linked
