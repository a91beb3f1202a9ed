"""The data dictionary for people, made from the schemas."""

from collections.abc import Iterator, Mapping
from itertools import groupby

import pyarrow as pa

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14

TABLES: Mapping[str, tuple[str, pa.Schema]] = {
    "images": ("one image", schemas.IMAGES),
    "labels": ("one image", schemas.labels(CXR_LT_2023)),
    "studies": ("one study", schemas.STUDIES),
    "mimic14": ("one study", schemas.study_labels(MIMIC_14)),
    "indications": ("one study", schemas.INDICATIONS),
    "vitals": ("one study", schemas.VITALS),
    "cohort": ("one study", schemas.cohort(CXR_LT_2023)),
    "quarantine": ("one unreadable image", schemas.QUARANTINE),
    "pseudo_labels": ("one image", schemas.pseudo_labels(CXR_LT_2023)),
    "predictions": ("one study", schemas.predictions(CXR_LT_2023)),
}
"""Grain and schema by table."""


def data_dictionary(introduction: str, files: Mapping[str, str]) -> str:
    """Write each table with its grain and, per column, type, whether it may be null, and meaning.

    Args:
        introduction: Markdown at the head of the page.
        files: File or folder by table of ``TABLES``.

    Returns:
        A page of Markdown.
    """
    return "\n".join([introduction, *(line for name in TABLES for line in _table(name, files))])


def _table(name: str, files: Mapping[str, str]) -> Iterator[str]:
    grain, schema = TABLES[name]
    yield f"## {name}\n\nOne row: {grain}. File: `{files[name]}`.\n"
    yield "| column | type | null | meaning |\n|---|---|---|---|"
    # Neighbouring columns that differ in nothing but the name share a line.
    for (kind, nullable, meaning), alike in groupby(schema, key=_description):
        names = ", ".join(f"`{field.name}`" for field in alike)
        yield f"| {names} | {kind} | {'yes' if nullable else 'never'} | {meaning} |"
    yield ""


def _description(field: pa.Field) -> tuple[str, bool, str]:
    return str(field.type), field.nullable, schemas.meaning(field)
