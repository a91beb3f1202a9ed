"""Tiny ED tables, written as rows; what a row leaves out is missing."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from camchex.contract.schemas import STUDIES, VITAL_SIGNS
from camchex.vitals.params import VitalRanges, VitalsParams

Row = Mapping[str, object]
ARRIVAL = datetime(2150, 3, 1, 22, 0)
SECONDS = pa.timestamp("s")
MEASURED = [pa.field(name, pa.float64()) for name in VITAL_SIGNS]
STAY = [pa.field("patient_id", pa.string()), pa.field("stay_id", pa.string())]
EDSTAYS = pa.schema(
    [
        *STAY,
        pa.field("intime", SECONDS),
        pa.field("outtime", SECONDS),
        pa.field("gender", pa.string()),
    ]
)
TRIAGE = pa.schema([*STAY, *MEASURED])
VITALSIGN = pa.schema([*STAY, pa.field("charttime", SECONDS), *MEASURED])
RANGES = VitalRanges(
    temperature_f=(77, 113),
    heart_rate_bpm=(20, 300),
    respiratory_rate_bpm=(4, 80),
    o2_saturation_pct=(50, 100),
    systolic_bp_mmhg=(40, 300),
    diastolic_bp_mmhg=(20, 200),
)
WITHIN = VitalsParams(
    rule="within_stay", hours_before=2, hours_after=2, visit_gap_hours=1, ranges=RANGES
)
NEAREST = WITHIN.model_copy(update={"rule": "nearest_any", "visit_gap_hours": None})


def after(minutes: float) -> datetime:
    """That many minutes after ``ARRIVAL``."""
    return ARRIVAL + timedelta(minutes=minutes)


def table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{"patient_id": "1", **row} for row in rows], schema=schema)


def studies(*rows: Row) -> pa.Table:
    return table(rows, STUDIES)


def edstays(*rows: Row) -> pa.Table:
    return table(rows, EDSTAYS)


def triage(*rows: Row) -> pa.Table:
    return table(rows, TRIAGE)


def vitalsign(*rows: Row) -> pa.Table:
    return table(rows, VITALSIGN)


STUDY = {"study_id": "50", "study_time": after(60)}
ONE_STAY = {"stay_id": "30", "intime": after(0), "outtime": after(240), "gender": "F"}
