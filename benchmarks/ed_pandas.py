"""The linkage of vital signs in pandas, as one who knows pandas would write it: the baseline."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from camchex.contract.schemas import ORIGIN, VITAL_SIGNS, VITALS
from camchex.texts.vitals_text import TITLES
from camchex.vitals.link import LONGEST
from camchex.vitals.params import VitalRanges, VitalsParams
from camchex.vitals.plausible import CELSIUS, PRESSURES

Engine = Literal["c", "pyarrow"]
SIGNS = list(VITAL_SIGNS)
PUBLISHED = {published: name for name, published in VITAL_SIGNS.items()}


def link_with_pandas(folder: Path, params: VitalsParams, engine: Engine) -> pa.Table:
    """``schemas.VITALS`` by the rule ``within_stay``; ids are numbers until the end.

    Args:
        folder: Where ``ed_tables.write_all`` wrote.
        params: The rule.
        engine: That ``read_csv`` parses with: pandas' own, or Arrow.
    """
    assert params.ranges is not None
    studies = pd.read_parquet(folder / "studies.parquet").drop(columns="split")
    studies = studies.astype({"study_id": np.int64, "patient_id": np.int64})
    stays = _read(folder / "edstays.csv.gz", engine, ["intime", "outtime"], ["gender"])
    stays = stays.rename(columns={"subject_id": "patient_id"})
    stays = _visits(stays[stays["patient_id"].isin(studies["patient_id"])], params)
    linked = _linked(studies, stays, params)
    triage = _plausible(_read(folder / "triage.csv.gz", engine, [], PUBLISHED), params.ranges)
    chart = _read(folder / "vitalsign.csv.gz", engine, ["charttime"], PUBLISHED)
    begun = _begun(linked, stays)
    measured = _measured(begun, triage, _plausible(chart, params.ranges), params)
    vitals = studies[["study_id"]].merge(linked, on="study_id", how="left").set_index("study_id")
    for name in SIGNS:
        rows = measured[measured[name].notna()].sort_values(["turn", name, "place"])
        best = rows.drop_duplicates("study_id", keep="last").set_index("study_id")
        best = best[[name, *ORIGIN]].add_prefix(f"{name}_").rename(columns={f"{name}_{name}": name})
        vitals = vitals.join(best)
    crossed = vitals["diastolic_bp_mmhg"] >= vitals["systolic_bp_mmhg"]
    for name in PRESSURES:
        vitals.loc[crossed, [name, *(f"{name}_{origin}" for origin in ORIGIN)]] = None
    vitals["taken"] = _taken(vitals).where(vitals["stay_id"].notna())
    vitals["minutes_since_arrival"] = _minutes(vitals["study_time"] - vitals["intime"])
    texts = [f"{TITLES[n]}: " + vitals[n].astype(str).fillna("NA") for n in SIGNS]
    of_visit = begun[begun["gender"].notna()].drop_duplicates("study_id", keep="last")
    vitals["gender"] = of_visit.set_index("study_id")["gender"]
    gender = "Gender: " + vitals["gender"].fillna("NA")
    vitals["vitals_text"] = texts[0].str.cat([*texts[1:], gender], sep=" | ")
    return _canonical(vitals.sort_index().reset_index())


def _read(path: Path, engine: Engine, times: list[str], others: Iterable[str]) -> pd.DataFrame:
    columns = ["subject_id", "stay_id", *times, *others]
    layout = {"date_format": "%Y-%m-%d %H:%M:%S"} if engine == "c" else {}
    return pd.read_csv(path, usecols=columns, parse_dates=times, engine=engine, **layout)


def _plausible(table: pd.DataFrame, ranges: VitalRanges) -> pd.DataFrame:
    """Measurements, implausible ones missing."""
    table = table.rename(columns=PUBLISHED)
    temperature = table["temperature_f"]
    fahrenheit = (temperature * 1.8 + 32).round(1)
    table["temperature_f"] = temperature.mask(temperature.between(*CELSIUS), fahrenheit)
    for name, bounds in ranges.model_dump().items():
        table[name] = table[name].where(table[name].between(*bounds))
    crossed = table["diastolic_bp_mmhg"] >= table["systolic_bp_mmhg"]
    table.loc[crossed, list(PRESSURES)] = np.nan
    return table


def _visits(stays: pd.DataFrame, params: VitalsParams) -> pd.DataFrame:
    """Stays with the number of their visit, and when that begins and ends."""
    possible = stays["outtime"].between(stays["intime"], stays["intime"] + LONGEST)
    stays = stays[possible].sort_values(["patient_id", "intime"])
    end_before = (
        stays.groupby("patient_id")["outtime"].cummax().groupby(stays["patient_id"]).shift()
    )
    gap = pd.Timedelta(hours=params.visit_gap_hours or 0)
    visit = (~(stays["intime"] <= end_before + gap)).cumsum()
    start = stays.groupby(visit)["intime"].transform("min")
    end = stays.groupby(visit)["outtime"].transform("max")
    return stays.assign(visit=visit, visit_start=start, visit_end=end)


def _linked(studies: pd.DataFrame, stays: pd.DataFrame, params: VitalsParams) -> pd.DataFrame:
    """The stay of each study that has one."""
    pairs = studies.merge(stays, on="patient_id")
    before = pairs["intime"] - pd.Timedelta(hours=params.hours_before)
    after = pairs["visit_end"] + pd.Timedelta(hours=params.hours_after)
    pairs = pairs[pairs["study_time"].between(before, after)]
    early, late = pairs["intime"] - pairs["study_time"], pairs["study_time"] - pairs["outtime"]
    nearness = -np.maximum(early, late).clip(lower=pd.Timedelta(0))
    pairs = pairs.assign(begun=early <= pd.Timedelta(0), nearness=nearness)
    by = ["study_id", "begun", "nearness", "intime", "stay_id", "outtime"]
    return pairs.sort_values(by).drop_duplicates("study_id", keep="last")


def _begun(linked: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """The stays that a study may be given values of; the last one is the best."""
    own = linked[["study_id", "study_time", "visit", "stay_id"]]
    others = stays[["visit", "stay_id", "intime", "visit_start", "gender"]]
    begun = own.merge(others, on="visit", suffixes=("_own", ""))
    is_own = begun["stay_id"] == begun["stay_id_own"]
    begun = begun[(begun["intime"] <= begun["study_time"]) | is_own].assign(own=is_own)
    begun = begun.sort_values(["own", "intime", "stay_id"])
    begun["place"] = np.arange(len(begun))
    return begun


def _measured(
    begun: pd.DataFrame, triage: pd.DataFrame, chart: pd.DataFrame, params: VitalsParams
) -> pd.DataFrame:
    """All values that a study may be given, with their origin; the one of the last turn is best."""
    at_triage = begun.merge(triage.drop_duplicates("stay_id"), on="stay_id")
    charted = begun.merge(chart, on="stay_id")
    earliest = charted["visit_start"] - pd.Timedelta(hours=params.hours_before)
    charted = charted[charted["charttime"].between(earliest, charted["study_time"])]
    charted["turn"] = charted["charttime"].astype("int64") - 2**62  # before all of triage
    rows = [
        at_triage.assign(source="triage", time=at_triage["intime"], turn=at_triage["place"]),
        charted.assign(source="vitalsign", time=charted["charttime"]),
    ]
    measured = pd.concat(rows)[
        ["study_id", "study_time", "stay_id", "place", "source", "time", "turn", *SIGNS]
    ]
    return measured.assign(age_minutes=_minutes(measured["study_time"] - measured["time"]))


def _taken(vitals: pd.DataFrame) -> pd.Series:
    time = vitals["study_time"]
    conditions = [time < vitals["intime"], time > vitals["visit_end"], time > vitals["outtime"]]
    names = ["before", "after", "between"]
    return pd.Series(np.select(conditions, names, "during"), vitals.index)


def _minutes(difference: pd.Series) -> pd.Series:
    return difference.dt.total_seconds() / 60


def _canonical(vitals: pd.DataFrame) -> pa.Table:
    ids = [name for name in VITALS.names if name.endswith("stay_id")]
    vitals[ids] = vitals[ids].astype("Int64").astype("string")
    vitals["study_id"] = vitals["study_id"].astype(str)
    return pa.Table.from_pandas(vitals[VITALS.names], preserve_index=False).cast(VITALS)
