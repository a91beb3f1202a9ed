"""Random emergency departments in which hardly anything is as it should be."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.contract.schemas import STUDIES, VITAL_SIGNS
from tests.vitals.ed import ARRIVAL, EDSTAYS, TRIAGE, VITALSIGN

Tables = tuple[pa.Table, pa.Table, pa.Table, pa.Table]
STEP = 20  # minutes: slack (2 h) and gap (1 h) are met exactly, and so are other stays
ODD = (None, 36.6, 20.0, 1228.0)
USUAL = {"temperature_f": 98.0, "systolic_bp_mmhg": 82.0, "diastolic_bp_mmhg": 80.0}


def random_tables(seed: int, patients: int, apart: int = 1) -> Tables:
    """Studies, stays, triage and chart, on average 2, 3, 2 and 5 rows for each patient.

    Times lie on a grid within half a day, so that stays touch, overlap, contain each other, end as
    they begin, end before they begin (or never), and form chains. A patient has six stay ids at
    most: many stays are listed twice, with other times, and many triage rows are of one stay.
    Stays begin ``apart`` steps of the grid apart, or at once: the more, the more ties there are.
    """
    rng = np.random.default_rng(seed)

    def times(steps: NDArray[np.int64], missing: float = 0.02) -> list[Any]:
        grid = [ARRIVAL + timedelta(minutes=STEP * int(step)) for step in range(-16, 56)]
        given = rng.random(len(steps)) >= missing
        return [grid[s + 16] if g else None for s, g in zip(steps.tolist(), given, strict=True)]

    def ids(rows: int) -> dict[str, list[str]]:
        stay, patient = rng.integers(7, 13, rows), rng.integers(patients, size=rows)
        return {"patient_id": patient.astype(str).tolist(), "stay_id": stay.astype(str).tolist()}

    def measured(rows: int) -> dict[str, list[float | None]]:
        few = {n: (*ODD, *(USUAL.get(n, 60.0) + i % 4 for i in range(20))) for n in VITAL_SIGNS}
        return {n: [v[i] for i in rng.integers(24, size=rows).tolist()] for n, v in few.items()}

    stays, arrivals, charted, taken = (n * patients for n in (3, 2, 5, 2))
    start = rng.integers(24 // apart, size=stays) * apart
    end = start + rng.choice([-2, 0, 1, 2, 3, 6, 12, 30], stays)
    edstays = {
        **ids(stays),
        "intime": times(start),
        "outtime": times(end),
        "gender": [["F", "M", None][i] for i in rng.integers(3, size=stays).tolist()],
    }
    triage = {**ids(arrivals), **measured(arrivals)}
    chart = {
        **ids(charted),
        "charttime": times(rng.integers(-12, 40, charted)),
        **measured(charted),
    }
    seconds = rng.integers(-1, 2, taken).tolist()
    at = times(rng.integers(-8, 48, taken), missing=0)
    studies = {
        "study_id": [str(number) for number in range(taken)],
        "patient_id": ids(taken)["patient_id"],
        "study_time": [t + timedelta(seconds=s) for t, s in zip(at, seconds, strict=True)],
        "split": [None] * taken,
    }
    return (
        pa.table(studies, schema=STUDIES),
        pa.table(edstays, schema=EDSTAYS),
        pa.table(triage, schema=TRIAGE),
        pa.table(chart, schema=VITALSIGN),
    )
