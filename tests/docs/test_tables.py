"""docs/tables.md says what the schemas say, and the schemas say something of every column."""

import runpy
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from camchex.contract import schemas, tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "tables.py"))
PAGE = (DOCS / "tables.md").read_text()


def test_the_page_is_the_schemas() -> None:
    assert SCRIPT["page"]() == PAGE, "run `python docs/tables.py`"


@pytest.mark.parametrize("name", SCRIPT["TABLES"])
def test_every_column_stands_in_the_page_with_its_meaning(name: str) -> None:
    section = PAGE.partition(f"## {name}\n")[2].partition("\n## ")[0]
    for field in SCRIPT["TABLES"][name][2]:
        (line,) = [one for one in section.splitlines() if f"`{field.name}`" in one]
        assert line.endswith(f"| {schemas.meaning(field)} |")
        assert len(schemas.meaning(field)) > 5


def test_a_written_table_carries_its_meaning(tmp_path: Path) -> None:
    tables.write(schemas.STUDIES.empty_table(), tmp_path / "studies.parquet", schemas.STUDIES)
    written = pq.read_schema(tmp_path / "studies.parquet")
    assert schemas.meaning(written.field("study_id")) == "Study; primary key."
