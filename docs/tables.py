"""Write docs/tables.md from the schemas: ``python docs/tables.py``."""

from pathlib import Path

from camchex.check.data_dictionary import data_dictionary

INTRODUCTION = """# The canonical tables

What crosses from one stage to the next, as Parquet. `python docs/tables.py` makes this page from
[camchex/contract/schemas.py](../camchex/contract/schemas.py); every Parquet file carries the same
descriptions in the metadata of its columns. Every table is sorted by its primary key; ids are text,
as published; units are in the column names; an unknown label is null, never -1 and never 0. The
label columns below are those of CXR-LT 2023: they follow `labels.space`.

`camchex check --tables FOLDER` holds tables of your own against this page
([own_data.md](own_data.md)).
"""
FILES = {
    "images": "data/interim/mimic/images.parquet",
    "labels": "data/interim/mimic/labels.parquet",
    "studies": "data/interim/mimic/studies.parquet",
    "mimic14": "data/interim/mimic/mimic14.parquet",
    "indications": "data/interim/indications.parquet",
    "vitals": "data/interim/vitals.parquet",
    "cohort": "data/cohort.parquet",
    "quarantine": "data/images/mimic/quarantine.parquet",
    "pseudo_labels": "data/pseudo/",
    "predictions": "data/predictions/",
}

if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(data_dictionary(INTRODUCTION, FILES))
