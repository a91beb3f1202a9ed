"""The data dictionary for people, made of the schemas.

``python -m camchex.check.data_dictionary`` writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14

PAGE = Path("docs/tables.md")
INTRODUCTION = """# The canonical tables

What crosses from one stage to the next, as Parquet. Made of
[camchex/contract/schemas.py](../camchex/contract/schemas.py) by
`python -m camchex.check.data_dictionary`; every Parquet file carries the same descriptions in the
metadata of its columns. Every table is sorted by its primary key; ids are text, as published; units
are in the column names; an unknown label is null, never -1 and never 0. The label columns below are
those of CXR-LT 2023: they follow `labels.space`.

`camchex check --tables FOLDER` holds tables of your own against this page
([own_data.md](own_data.md)).
"""
TABLES: Mapping[str, tuple[str, str, pa.Schema]] = {
    "images": ("one image", "data/interim/mimic/images.parquet", schemas.IMAGES),
    "labels": ("one image", "data/interim/mimic/labels.parquet", schemas.labels(CXR_LT_2023)),
    "studies": ("one study", "data/interim/mimic/studies.parquet", schemas.STUDIES),
    "mimic14": ("one study", "data/interim/mimic/mimic14.parquet", schemas.study_labels(MIMIC_14)),
    "indications": ("one study", "data/interim/indications.parquet", schemas.INDICATIONS),
    "vitals": ("one study", "data/interim/vitals.parquet", schemas.VITALS),
    "cohort": ("one study", "data/cohort.parquet", schemas.cohort(CXR_LT_2023)),
    "quarantine": (
        "one unreadable image",
        "data/images/mimic/quarantine.parquet",
        schemas.QUARANTINE,
    ),
    "pseudo_labels": ("one image", "data/pseudo/", schemas.pseudo_labels(CXR_LT_2023)),
    "predictions": ("one study", "data/predictions/", schemas.predictions(CXR_LT_2023)),
}
"""Grain, file (or folder) and schema by table."""


def data_dictionary() -> str:
    """Every table with its grain and, per column, type, whether it may be null, and meaning."""
    return "\n".join([INTRODUCTION, *(line for name in TABLES for line in _table(name))])


def _table(name: str) -> Iterator[str]:
    grain, file, schema = TABLES[name]
    yield f"## {name}\n\nOne row: {grain}. File: `{file}`.\n"
    yield "| column | type | null | meaning |\n|---|---|---|---|"
    for _, alike in groupby(schema, key=_description):
        yield _row(list(alike))
    yield ""


def _row(alike: Sequence[pa.Field]) -> str:
    """One column, or a run of columns that differ in nothing but the name."""
    names = ", ".join(f"`{field.name}`" for field in alike)
    kind, nullable, meaning = _description(alike[0])
    return f"| {names} | {kind} | {'yes' if nullable else 'never'} | {meaning} |"


def _description(field: pa.Field) -> tuple[str, bool, str]:
    return str(field.type), field.nullable, schemas.meaning(field)


if __name__ == "__main__":
    PAGE.write_text(data_dictionary())
