"""The linkage of vital signs in pandas, as one who knows pandas would write it: the baseline."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from camchex.contract.schemas import VITAL_SIGNS, VITALS
from camchex.texts.vitals_text import TITLES
from camchex.vitals.params import VitalRanges, VitalsParams
from camchex.vitals.plausible import CELSIUS

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
    linked = _linked(studies, stays.rename(columns={"subject_id": "patient_id"}), params)
    triage = _read(folder / "triage.csv.gz", engine, [], PUBLISHED)
    triage = _plausible(triage, params.ranges).drop_duplicates("stay_id")
    chart = _read(folder / "vitalsign.csv.gz", engine, ["charttime"], PUBLISHED)
    chart = _plausible(chart, params.ranges)
    vitals = studies[["study_id"]].merge(linked, on="study_id", how="left").set_index("study_id")
    first = vitals[["stay_id"]].merge(triage, on="stay_id", how="left")[SIGNS]
    first = first.set_axis(vitals.index)
    latest = _latest(linked, chart).reindex(vitals.index)
    vitals[SIGNS] = first.fillna(latest)
    crossed = vitals["diastolic_bp_mmhg"] >= vitals["systolic_bp_mmhg"]
    vitals.loc[crossed, ["systolic_bp_mmhg", "diastolic_bp_mmhg"]] = np.nan
    for name in SIGNS:
        source = pd.Series(np.where(first[name].notna(), "triage", "vitalsign"), vitals.index)
        vitals[f"{name}_source"] = source.where(vitals[name].notna())
    minutes = (vitals["study_time"] - vitals["intime"]).dt.total_seconds() / 60
    vitals["minutes_since_arrival"] = minutes
    texts = [f"{TITLES[n]}: " + vitals[n].astype(str).fillna("NA") for n in SIGNS]
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
    table.loc[crossed, ["systolic_bp_mmhg", "diastolic_bp_mmhg"]] = np.nan
    return table


def _linked(studies: pd.DataFrame, stays: pd.DataFrame, params: VitalsParams) -> pd.DataFrame:
    """The stay of each study that has one."""
    pairs = studies.merge(stays, on="patient_id")
    before = pairs["intime"] - pd.Timedelta(hours=params.hours_before)
    after = pairs["outtime"] + pd.Timedelta(hours=params.hours_after)
    inside = pairs["study_time"].between(before, after) & (pairs["intime"] <= pairs["outtime"])
    pairs = pairs[inside].sort_values(["study_id", "intime", "stay_id", "outtime"])
    return pairs.drop_duplicates("study_id", keep="last")


def _latest(linked: pd.DataFrame, chart: pd.DataFrame) -> pd.DataFrame:
    """The latest value charted before each study; of two at once, the larger."""
    rows = linked[["study_id", "study_time", "stay_id"]].merge(chart, on="stay_id")
    rows = rows[rows["charttime"] <= rows["study_time"]]
    return rows.groupby(["study_id", "charttime"])[SIGNS].max().groupby("study_id").last()


def _canonical(vitals: pd.DataFrame) -> pa.Table:
    vitals["study_id"] = vitals["study_id"].astype(str)
    vitals["stay_id"] = vitals["stay_id"].astype("Int64").astype("string")
    return pa.Table.from_pandas(vitals[VITALS.names], preserve_index=False).cast(VITALS)
