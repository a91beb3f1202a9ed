"""Write docs/tables.md, the data dictionary, from the schemas: ``python docs/tables.py``."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14

PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = """# The canonical tables

What crosses from one stage to the next, as Parquet. `python docs/tables.py` makes this page from
[camchex/contract/schemas.py](../camchex/contract/schemas.py); every Parquet file carries the same
descriptions in the metadata of its columns. Every table is sorted by its primary key. Within a data
set, a primary key is in one row only. Ids are text, as published, never blank. Units are in the
column names. An unknown label is null, never -1 and never 0. No number is NaN or infinite. The
label columns below are those of CXR-LT 2023: they follow `labels.space`.

[camchex/contract/rules.py](../camchex/contract/rules.py) holds these rules wherever a stage writes
or reads a table, and `camchex check --tables FOLDER` holds tables of your own against them
([own_data.md](own_data.md)).
"""
INTERIM = "data/interim"
TABLES: dict[str, tuple[str, str, pa.Schema]] = {
    "images": ("one image", f"{INTERIM}/mimic/images.parquet", schemas.IMAGES),
    "labels": ("one image", f"{INTERIM}/mimic/labels.parquet", schemas.labels(CXR_LT_2023)),
    "studies": ("one study", f"{INTERIM}/mimic/studies.parquet", schemas.STUDIES),
    "mimic14": ("one study", f"{INTERIM}/mimic/mimic14.parquet", schemas.study_labels(MIMIC_14)),
    "indications": ("one study", f"{INTERIM}/indications.parquet", schemas.INDICATIONS),
    "vitals": ("one study", f"{INTERIM}/vitals.parquet", schemas.VITALS),
    "views": ("one image of unknown view", f"{INTERIM}/mimic/views.parquet", schemas.VIEWS),
    "cohort": ("one study", "data/cohort.parquet", schemas.cohort(CXR_LT_2023)),
    "duplicates": ("one image", "data/duplicates/", schemas.DUPLICATES),
    "quarantine": (
        "one unreadable image",
        "data/images/mimic/quarantine.parquet",
        schemas.QUARANTINE,
    ),
    "notes": (
        "one image that contradicts itself",
        "data/images/mimic/notes.parquet",
        schemas.IMAGE_NOTES,
    ),
    "pseudo_labels": ("one image", "data/pseudo/", schemas.pseudo_labels(CXR_LT_2023)),
    "predictions": ("one study", "data/predictions/", schemas.predictions(CXR_LT_2023)),
}
"""Grain, file (or folder) and schema by table."""


def page() -> str:
    """Describe each table: its grain and, per column, type, nullability and meaning."""
    return "\n".join([INTRODUCTION, *(line for name in TABLES for line in _table(name))])


def _table(name: str) -> Iterator[str]:
    grain, file, schema = TABLES[name]
    yield f"## {name}\n\nOne row: {grain}. File: `{file}`.\n"
    yield "| column | type | null | meaning |\n|---|---|---|---|"
    # Neighbouring columns that differ in nothing but the name share a line.
    for (kind, nullable, meaning), alike in groupby(schema, key=_description):
        names = ", ".join(f"`{field.name}`" for field in alike)
        yield f"| {names} | {kind} | {'yes' if nullable else 'never'} | {meaning} |"
    yield ""


def _description(field: pa.Field) -> tuple[str, bool, str]:
    return str(field.type), field.nullable, schemas.meaning(field)


if __name__ == "__main__":
    PAGE.write_text(page())
