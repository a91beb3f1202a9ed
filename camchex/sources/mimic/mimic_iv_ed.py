"""MIMIC-IV-ED: stays in the emergency department, and the vital signs measured in them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from camchex.contract.schemas import VITAL_SIGNS
from camchex.sources.csv.matches import require_matches
from camchex.sources.csv.raw_table import RawTable, read_csv
from camchex.sources.mimic.mimic_ids import mimic_ids

GENDERS = ("F", "M", None)
OF_STUDIES = ("patient_id",)  # ids by which a stay belongs to studies
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
            of a stay; and as the three functions.
    """
    with ThreadPoolExecutor() as pool:
        stays = pool.submit(read_edstays, edstays)
        arrivals = pool.submit(read_triage, triage)
        chart = pool.submit(read_vitalsign, vitalsign)
        read = stays.result(), arrivals.result(), chart.result()
    require_matches((edstays, read[0]), ("the studies", studies), OF_STUDIES)
    for measured in ((triage, read[1]), (vitalsign, read[2])):
        require_matches(measured, (edstays, read[0]), OF_STAYS)
    return read


def read_edstays(path: Path) -> pa.Table:
    """Read stays: patient_id, stay_id, intime, outtime, gender (F, M, null).

    Raises:
        DataError: At a cell that is no id, no time or no gender.

    Source: docs/method.md, section 3.
    """
    raw = read_csv(path, ["subject_id", "stay_id", "intime", "outtime", "gender"])
    times = {name: raw.times(name) for name in ("intime", "outtime")}
    return pa.table({**_ids(raw), **times, "gender": raw.choices("gender", GENDERS)})


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
