"""MIMIC-IV-ED invented at its full size, as published: its columns, its order, its dirt."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from camchex.contract.schemas import STUDIES, VITAL_SIGNS

STAYS, CHARTED, STUDY_COUNT = 425_087, 1_564_610, 227_835  # rows of MIMIC-IV-ED 2.2, MIMIC-CXR
ED_PATIENTS, XRAY_PATIENTS, IN_BOTH = 205_504, 65_379, 61_856
IN_STAY = 0.5  # of the studies; about half of MIMIC-CXR's X-rays are taken outside the ED
EPOCH = 5_000_000_000  # seconds; MIMIC's shifted dates lie in the 22nd century
DECADE = 10 * 365 * 24 * 3600
TYPICAL = {  # mean and spread
    "temperature_f": (98.2, 0.9),
    "heart_rate_bpm": (85, 17),
    "respiratory_rate_bpm": (17.6, 2.5),
    "o2_saturation_pct": (98, 2.4),
    "systolic_bp_mmhg": (134, 22),
    "diastolic_bp_mmhg": (77, 15),
}
TRANSFERRED = 0.05  # of the stays: a further stay of the patient follows within the hour
MISSING = 0.17  # of the values of each vital sign; 16 to 19 % in MIMIC-IV-ED
CELSIUS = 0.005  # of the temperatures
TYPED_WRONG = 0.001  # of the values: a decimal point lost, or one digit too many
COMPLAINTS = (
    "Abd pain",
    "Chest pain",
    "Dyspnea, Cough",
    "N/V, Fever, Chills",
    'Pain, "10/10", L Knee',
    "s/p Fall, Head injury",
    "SYNCOPE",
    None,
)
Rng = np.random.Generator
Numbers = NDArray[np.int64]


def write_all(folder: Path) -> None:
    """Write studies.parquet and edstays, triage, vitalsign as ``.csv.gz``; the same every time."""
    rng = np.random.default_rng(0)
    patient = np.sort(rng.integers(0, ED_PATIENTS, STAYS))
    stay = rng.permutation(9_999_000)[:STAYS]
    arrival = EPOCH + rng.integers(0, DECADE, STAYS)
    lasting = rng.integers(3600, 12 * 3600, STAYS)
    further = (rng.random(STAYS) < TRANSFERRED) & (patient == np.roll(patient, 1))
    gaps = rng.integers(0, 3600, STAYS)
    arrival = np.where(further, np.roll(arrival + lasting, 1) + gaps, arrival)
    departure = arrival + lasting
    ids = {"subject_id": _ids(patient, 10_000_000), "stay_id": _ids(stay, 30_000_000)}
    _publish(folder / "edstays.csv.gz", _edstays(rng, ids, patient, arrival, departure))
    triage = {**ids, **_measured(rng, STAYS), "pain": _pick(rng, STAYS, ["0", "8", "unable", None])}
    triage["acuity"] = _pick(rng, STAYS, ["2.0", "3.0", "4.0"])
    triage["chiefcomplaint"] = _pick(rng, STAYS, COMPLAINTS)
    _publish(folder / "triage.csv.gz", triage)
    of = np.sort(rng.integers(0, STAYS, CHARTED))
    charted = {
        **{name: column.take(pa.array(of)) for name, column in ids.items()},
        "charttime": _times(arrival[of] + rng.integers(0, 12 * 3600, CHARTED)),
        **_measured(rng, CHARTED),
        "rhythm": _pick(rng, CHARTED, ["Sinus Rhythm", None, None, None]),
        "pain": _pick(rng, CHARTED, ["0", "5", "asleep", None]),
    }
    _publish(folder / "vitalsign.csv.gz", charted)
    pq.write_table(_studies(rng, patient, arrival), folder / "studies.parquet")


def _edstays(
    rng: Rng, ids: dict[str, pa.Array], patient: Numbers, arrival: Numbers, departure: Numbers
) -> dict[str, pa.Array]:
    return {
        "subject_id": ids["subject_id"],
        "hadm_id": _pick(rng, STAYS, ["22595853", "25742920", None]),
        "stay_id": ids["stay_id"],
        "intime": _times(arrival),
        "outtime": _times(departure),
        "gender": pa.array(np.where(patient % 2, "F", "M")),
        "race": _pick(rng, STAYS, ["WHITE", "BLACK/AFRICAN AMERICAN", "OTHER"]),
        "arrival_transport": _pick(rng, STAYS, ["WALK IN", "AMBULANCE", "UNKNOWN"]),
        "disposition": _pick(rng, STAYS, ["HOME", "ADMITTED", "LEFT WITHOUT BEING SEEN"]),
    }


def _studies(rng: Rng, patient: Numbers, arrival: Numbers) -> pa.Table:
    """Studies of patients some of whom were never in the ED; half of the rest during a stay."""
    known = rng.permutation(ED_PATIENTS)[:IN_BOTH]
    stays = np.flatnonzero(np.isin(patient, known))
    of = rng.choice(stays, STUDY_COUNT)
    stranger = rng.random(STUDY_COUNT) < 1 - IN_BOTH / XRAY_PATIENTS
    inside = rng.random(STUDY_COUNT) < IN_STAY
    anytime = EPOCH + rng.integers(0, DECADE, STUDY_COUNT)
    minutes = rng.integers(-30, 600, STUDY_COUNT)
    taken = np.where(inside, arrival[of] + 60 * minutes, anytime)
    columns = {
        "study_id": _ids(np.arange(STUDY_COUNT), 50_000_000),
        "patient_id": _ids(patient[of] + stranger * ED_PATIENTS, 10_000_000),
        "study_time": pa.array(taken, pa.timestamp("s")),
        "split": pa.nulls(STUDY_COUNT, pa.string()),
    }
    return pa.table(columns).cast(STUDIES)


def _measured(rng: Rng, rows: int) -> dict[str, pa.Array]:
    """Vital signs as text; temperatures to a tenth, the others whole, each as a float prints."""
    columns = {}
    for name, published in VITAL_SIGNS.items():
        values = rng.normal(*TYPICAL[name], rows)
        if name == "temperature_f":
            values = np.where(rng.random(rows) < CELSIUS, (values - 32) / 1.8, values)
        values = values.round(1 if name == "temperature_f" else 0)
        values = np.where(rng.random(rows) < TYPED_WRONG, values * 10, values).round(1)
        missing = rng.random(rows) < MISSING
        columns[published] = pc.if_else(missing, pa.scalar(None, pa.string()), _printed(values))
    return columns


def _printed(values: NDArray[np.float64]) -> pa.Array:
    distinct, row = np.unique(values, return_inverse=True)
    return pa.array([str(v) for v in distinct.tolist()]).take(pa.array(row))


def _ids(numbers: Numbers, first: int) -> pa.Array:
    return pc.cast(pa.array(numbers + first), pa.string())


def _times(seconds: Numbers) -> pa.Array:
    return pc.cast(pa.array(seconds, pa.timestamp("s")), pa.string())


def _pick(rng: Rng, rows: int, words: tuple[str | None, ...] | list[str | None]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(rng.integers(0, len(words), rows)))


def _publish(path: Path, columns: dict[str, pa.Array]) -> None:
    with duckdb.connect() as connection:
        connection.register("published", pa.table(columns))
        connection.execute(f"COPY published TO '{path}' (HEADER)")  # quotes where CSV needs them
