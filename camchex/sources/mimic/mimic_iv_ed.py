"""MIMIC-IV-ED: stays in the emergency department, and the vital signs measured in them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.rules import LEAST_SHARE
from camchex.contract.schemas import VITAL_SIGNS
from camchex.errors import DataError
from camchex.sources.csv.lookup import positions
from camchex.sources.csv.matches import require_matches, sample
from camchex.sources.csv.raw_table import RawTable, read_csv
from camchex.sources.mimic.mimic_ids import mimic_ids

GENDERS = ("F", "M", None)
OF_STUDIES = ("patient_id",)  # ids by which a stay belongs to studies
NEAR = timedelta(days=1)
FEWEST = 5  # studies, of which none need be near a stay by chance
OF_STAYS = ("stay_id", "patient_id")  # and a measurement to a stay


def read_ed(
    edstays: Path, triage: Path, vitalsign: Path, studies: pa.Table
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Read the three tables in three threads, since unpacking a file keeps one core busy.

    Args:
        edstays: File of the stays.
        triage: File of the measurements on arrival.
        vitalsign: File of the measurements charted during stays.
        studies: ``schemas.STUDIES`` that the stays are to be of.

    Returns:
        The tables of :func:`read_edstays`, :func:`read_triage` and :func:`read_vitalsign`.

    Raises:
        DataError: If (almost) no stay is of a patient of the studies, or (almost) no measurement is
            of a stay; as :func:`require_times`, and as the three functions.
    """
    with ThreadPoolExecutor() as pool:
        stays = pool.submit(read_edstays, edstays)
        arrivals = pool.submit(read_triage, triage)
        chart = pool.submit(read_vitalsign, vitalsign)
        read = stays.result(), arrivals.result(), chart.result()
    require_matches((edstays, read[0]), ("the studies", studies), OF_STUDIES)
    require_times(edstays, read[0], studies)
    for measured in ((triage, read[1]), (vitalsign, read[2])):
        require_matches(measured, (edstays, read[0]), OF_STAYS)
    return read


def require_times(path: Path, edstays: pa.Table, studies: pa.Table) -> None:
    """Check that the times of the stays can be right, and are of the years of the studies.

    Args:
        path: File of the stays, for the message.
        edstays: Table of :func:`read_edstays`.
        studies: ``schemas.STUDIES``; of more than ``SAMPLE``, some.

    Raises:
        DataError: If (almost) no stay begins before it ends, or (almost) no study of a patient with
            stays, of ``FEWEST`` or more, was taken within a day of one.
    """
    ordered = pc.fill_null(pc.less_equal(edstays["intime"], edstays["outtime"]), fill_value=False)
    if pc.mean(ordered).as_py() < LEAST_SHARE:
        first = edstays.slice(0, 1).to_pylist()[0]
        raise DataError(
            f"{path}: (almost) no stay has an intime before its outtime; stay {first['stay_id']} "
            f"is from {first['intime']} to {first['outtime']}. Take the columns as published."
        )
    pairs = sample(studies).join(edstays.filter(ordered), "patient_id", join_type="inner")
    taken = pairs["study_time"].cast(pa.timestamp("s"), safe=False)
    begun = pc.greater_equal(taken, pc.subtract(pairs["intime"], NEAR))
    near = pc.and_(begun, pc.less_equal(taken, pc.add(pairs["outtime"], NEAR)))
    found = pairs.append_column("near", near).group_by("study_id").aggregate([("near", "any")])
    if found.num_rows >= FEWEST and pc.mean(found["near_any"]).as_py() < LEAST_SHARE:
        first = pairs.sort_by("study_id").slice(0, 1).to_pylist()[0]
        raise DataError(
            f"{path}: (almost) no study was taken within a day of a stay of its patient; study "
            f"{first['study_id']} is of {first['study_time']}, stay {first['stay_id']} from "
            f"{first['intime']} to {first['outtime']}. Their dates must be shifted alike: take "
            "both from one release."
        )


def read_edstays(path: Path) -> pa.Table:
    """Read stays: patient_id, stay_id, intime, outtime, gender (F, M, null).

    Raises:
        DataError: At a cell that is no id, no time or no gender, and at a stay of two patients.

    Source: docs/method.md, section 3.
    """
    raw = read_csv(path, ["subject_id", "stay_id", "intime", "outtime", "gender"])
    patient, stay = (ids := _ids(raw)).values()
    other = pc.not_equal(patient.take(positions(stay, stay)), patient)
    raw.refuse(other, "subject_id", "the patient of the first row of this stay")
    times = {name: raw.times(name) for name in ("intime", "outtime")}
    return pa.table({**ids, **times, "gender": raw.choices("gender", GENDERS)})


def read_triage(path: Path) -> pa.Table:
    """Read the measurements on arrival: patient_id, stay_id and the vital signs.

    Values of ``schemas.VITAL_SIGNS`` are as written: in the published units, with typing errors.

    Raises:
        DataError: At a cell that is no id or no number.
    """
    raw = read_csv(path, ["subject_id", "stay_id", *VITAL_SIGNS.values()])
    return pa.table({**_ids(raw), **_measured(raw)})


def read_vitalsign(path: Path) -> pa.Table:
    """Read the measurements charted during stays: columns of :func:`read_triage` and charttime.

    Raises:
        DataError: At a cell that is no id, no number or no time.
    """
    raw = read_csv(path, ["subject_id", "stay_id", "charttime", *VITAL_SIGNS.values()])
    return pa.table({**_ids(raw), "charttime": raw.times("charttime"), **_measured(raw)})


def _ids(raw: RawTable) -> dict[str, pa.Array]:
    return mimic_ids(raw, "patient_id", "stay_id")


def _measured(raw: RawTable) -> dict[str, pa.Array]:
    return {name: raw.numbers(published) for name, published in VITAL_SIGNS.items()}
