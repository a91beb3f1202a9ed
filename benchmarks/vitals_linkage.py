"""Seconds to link vital signs at the full size of MIMIC-CXR and MIMIC-IV-ED.

The baseline is the rule written as a plain Python loop over each patient's stays, timed on one
patient in fifty and scaled. Run it as ``python benchmarks/vitals_linkage.py``.
"""

import time
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex import schemas
from camchex.schemas import VITAL_SIGNS
from camchex.vitals.link import link_vitals
from camchex.vitals.params import VitalRanges, VitalsParams

STUDIES, PATIENTS, STAYS, CHARTED = 227_835, 65_379, 425_087, 1_564_610  # published row counts
SHARE = 50
HOUR = timedelta(hours=1)
RULE = VitalsParams(
    rule="within_stay",
    hours_before=2,
    hours_after=2,
    ranges=VitalRanges(
        temperature_f=(77, 113),
        heart_rate_bpm=(20, 300),
        respiratory_rate_bpm=(4, 80),
        o2_saturation_pct=(50, 100),
        systolic_bp_mmhg=(40, 300),
        diastolic_bp_mmhg=(20, 200),
    ),
)
IN_STAY = 0.5  # of the studies; about half of the X-rays of MIMIC-CXR are taken outside the ED
EPOCH = 5_000_000_000  # seconds; MIMIC's shifted dates lie in the 22nd century
DECADE = 10 * 365 * 24 * 3600
TYPICAL = (98.2, 85.0, 18.0, 98.0, 130.0, 75.0)


def ids(numbers: np.ndarray) -> pa.Array:
    """Eight digits, as text."""
    return pc.cast(pa.array(numbers + 10_000_000), pa.string())


def values(rng: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    """Measurements, one in six of them missing."""
    return {
        name: pa.array(rng.normal(mean, mean / 40, rows).round(1), mask=rng.random(rows) < 1 / 6)
        for name, mean in zip(VITAL_SIGNS, TYPICAL, strict=True)
    }


def tables_of_full_size() -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Studies, half of them during a stay, edstays, triage, vitalsign."""
    rng = np.random.default_rng(0)
    patient = rng.integers(0, PATIENTS, STAYS)
    arrival = EPOCH + rng.integers(0, DECADE, STAYS)
    length = rng.integers(3600, 12 * 3600, STAYS)
    seconds = pa.timestamp("s")
    stays = {"patient_id": ids(patient), "stay_id": ids(np.arange(STAYS))}
    gender = pa.array(np.where(patient % 2, "F", "M"))
    times = {
        "intime": pa.array(arrival, seconds),
        "outtime": pa.array(arrival + length, seconds),
        "gender": gender,
    }
    of = rng.integers(0, STAYS, STUDIES)
    during = rng.random(STUDIES) < IN_STAY
    taken = np.where(during, arrival[of] + 1800, EPOCH + rng.integers(0, DECADE, STUDIES))
    studies = {
        "study_id": ids(40_000_000 + np.arange(STUDIES)),
        "patient_id": ids(patient[of]),
        "study_time": pa.array(taken, seconds),
        "split": pa.nulls(STUDIES, pa.string()),
    }
    row = rng.integers(0, STAYS, CHARTED)
    charted = {
        "patient_id": ids(patient[row]),
        "stay_id": ids(row),
        "charttime": pa.array(arrival[row] + rng.integers(0, 12 * 3600, CHARTED), seconds),
        **values(rng, CHARTED),
    }
    return (
        pa.table(studies, schema=schemas.STUDIES),
        pa.table(stays | times),
        pa.table(stays | values(rng, STAYS)),
        pa.table(charted),
    )


def one_in(table: pa.Table, share: int) -> pa.Table:
    """The rows of one patient in ``share``."""
    number = pc.cast(table["patient_id"], pa.int64()).to_numpy()
    return table.filter(pa.array(number % share == 0))


def loop(studies: pa.Table, edstays: pa.Table, triage: pa.Table, vitalsign: pa.Table) -> int:
    """The same rule in plain Python, values as charted. Returns the number of linked studies."""
    stays, arrival, charted = defaultdict(list), {}, defaultdict(list)
    for stay in edstays.to_pylist():
        stays[stay["patient_id"]].append(stay)
    for row in triage.to_pylist():
        arrival[row["stay_id"]] = row
    for row in vitalsign.to_pylist():
        charted[row["stay_id"]].append(row)
    linked = []
    for study in studies.to_pylist():
        taken = study["study_time"]
        fits = [
            s
            for s in stays[study["patient_id"]]
            if s["intime"] - 2 * HOUR <= taken <= s["outtime"] + 2 * HOUR
        ]
        if not fits:
            continue
        stay = max(fits, key=lambda s: (s["intime"], s["stay_id"]))["stay_id"]
        before = [row for row in charted[stay] if row["charttime"] <= taken]
        before.sort(key=lambda row: row["charttime"], reverse=True)
        rows = [arrival[stay], *before]
        linked.append(
            {n: next((r[n] for r in rows if r[n] is not None), None) for n in VITAL_SIGNS}
        )
    return len(linked)


def main() -> None:
    """Time both."""
    raw = tables_of_full_size()
    start = time.perf_counter()
    linked = link_vitals(*raw, RULE)
    seconds = time.perf_counter() - start
    sample = [one_in(table, SHARE) for table in raw]
    start = time.perf_counter()
    count = loop(*sample)
    baseline = (time.perf_counter() - start) * SHARE
    assert count == len(one_in(linked.join(raw[0], "study_id"), SHARE)["stay_id"].drop_null())
    print(f"link_vitals: {seconds:.1f} s for {STUDIES:,} studies and {STAYS:,} stays")
    print(f"plain loop:  {baseline:.1f} s (from 1 patient in {SHARE})")
    print(f"ratio:       {baseline / seconds:.1f}")


if __name__ == "__main__":
    main()
