"""A table of studies: every kind of file says the same, and a fault is of its row alone."""

import csv
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from camchex.errors import DataError
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.study_table import COLUMNS, StudyRow, asked_studies, check_studies

ROWS = [
    {
        "study_id": "s1",
        "images": ["a.png", "sub/b.dcm"],
        "views": ["frontal", "LL"],
        "indication": 'Cough, "fever"\n// ?PNA',
        "temperature_f": 98.6,
        "gender": "F",
    },
    {"study_id": "s2", "images": ["/abs/c.png"]},
    {"study_id": "s3"},
]


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        pq.write_table(pa.table({n: [row.get(n) for row in rows] for n in names}), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, names)
            table.writeheader()
            for row in rows:
                joined = {k: ";".join(v) if isinstance(v, list) else v for k, v in row.items()}
                table.writerow(joined)
    return path


def asked(path: Path) -> list[AskedStudy]:
    return [*asked_studies(path, check_studies(path).repeated)]


@pytest.mark.parametrize("kind", [".csv", ".parquet", ".jsonl"])
def test_every_kind_of_table_asks_for_the_same_studies(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"studies{kind}", ROWS)
    checked = check_studies(path)
    assert (checked.rows, checked.problems) == (3, ())
    first, second, third = asked(path)
    images = (
        AskedImage(tmp_path / "a.png", "frontal"),
        AskedImage(tmp_path / "sub/b.dcm", "lateral"),
    )
    vitals = {"temperature_f": 98.6}
    assert first == AskedStudy("s1", 1, images, ROWS[0]["indication"], vitals, "F")
    assert second == AskedStudy("s2", 2, (AskedImage(Path("/abs/c.png")),))
    assert third == AskedStudy("s3", 3)


@pytest.mark.parametrize(
    ("cells", "column", "said"),
    [
        ({"temperature_f": "37.2"}, "temperature_f", "looks like degrees Celsius"),
        ({"heart_rate_bpm": "fast"}, "heart_rate_bpm", "'fast'"),
        ({"heart_rate_bpm": "1_0_0"}, "heart_rate_bpm", "expected a number"),
        ({"heart_rate_bpm": "1000"}, "heart_rate_bpm", "expected 20 to 300"),
        (
            {"systolic_bp_mmhg": 80, "diastolic_bp_mmhg": 90},
            "diastolic_bp_mmhg",
            "90 is not below systolic",
        ),
        ({"o2_saturation_pct": "0.95"}, "o2_saturation_pct", "looks like a share"),
        ({"o2_saturation_pct": "-3"}, "o2_saturation_pct", "expected a number above 0"),
        ({"gender": "female"}, "gender", "'female'"),
        ({"views": "oblique"}, "views", "'oblique'; expected frontal, lateral"),
        ({"views": "frontal;lateral"}, "views", "2 views of 1 image"),
        ({"images": "a.png;;b.png"}, "images", "a file without a name"),
        ({"study_id": ""}, "study_id", "missing"),
        ({"study_id": "1.0e7"}, "study_id", "expected an id"),
    ],
)
def test_a_fault_is_named_by_column_and_is_of_its_row_alone(
    cells: dict[str, object], column: str, said: str, tmp_path: Path
) -> None:
    good = {"study_id": "good", "images": "a.png"}
    path = written(tmp_path / "studies.csv", [good, {"study_id": "bad", "images": "a.png"} | cells])
    (problem,) = check_studies(path).problems
    assert problem.column == column
    assert said in problem.what
    assert "in line 3 (study_id" in problem.what
    first, second = asked(path)
    assert first.problem is None
    assert second.problem is not None
    assert said in second.problem


def test_a_study_in_two_rows_is_set_aside_in_both(tmp_path: Path) -> None:
    path = written(tmp_path / "studies.csv", [{"study_id": name} for name in ("1", "2", "1")])
    assert [study.problem is None for study in asked(path)] == [False, True, False]
    (problem,) = check_studies(path).problems
    assert "'1' is in 2 rows" in problem.what


def test_words_for_no_value_are_no_values_but_an_indication_may_say_none(tmp_path: Path) -> None:
    row = {"study_id": "1", "indication": "none", "heart_rate_bpm": "NA", "gender": "nan"}
    (study,) = asked(written(tmp_path / "studies.csv", [row]))
    assert study == AskedStudy("1", 1, indication="none")


def test_whole_numbers_are_ids_and_other_numbers_are_not(tmp_path: Path) -> None:
    first, second = asked(written(tmp_path / "a.jsonl", [{"study_id": 501}, {"study_id": 5.5}]))
    assert (first.study_id, first.problem) == ("501", None)
    assert second.problem is not None


def test_a_broken_line_is_of_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text('{"study_id": "1"}\n{"study_id": \n[1]\n{"study_id": "4", "pulse": 3}\n')
    said = [study.problem for study in asked(path)]
    assert said[0] is None
    assert "not JSON" in str(said[1])
    assert "not an object" in str(said[2])
    assert "column 'pulse': is not a column" in str(said[3])
    path = tmp_path / "studies.csv"
    path.write_text("study_id,indication\n1,cough, fever\n2,cough\n")
    first, second = asked(path)
    assert "put texts with commas into quotes" in str(first.problem)
    assert second.problem is None


@pytest.mark.parametrize(
    ("name", "lines", "place"),
    [
        ("a.csv", ["", "study_id,gender", "", "1,F", '2,"F"', "", "3,x"], "line 7"),
        ("b.csv", ["study_id,indication,gender", '1,"two', 'lines",F', "", "2,pain,x"], "line 5"),
        ("a.jsonl", ["", '{"study_id": "1"}', "", '{"study_id": "3", "gender": "x"}'], "line 4"),
    ],
)
def test_a_fault_is_named_by_its_line_in_the_file(
    name: str, lines: list[str], place: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    (problem,) = check_studies(path).problems
    assert f" in {place} (study_id" in problem.what


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("study_id,pulse\n1,80\n", "'pulse' is not a column"),
        ("indication\ncough\n", "'study_id' is missing"),
        ("study_id,study_id\n1,1\n", "several times"),
        ("study_id\n", "no rows"),
        ("", "'study_id' is missing"),
        (f"study_id,indication\n1,{'a' * 1_001}\n", "line 2: a cell of more than 1,000 letters"),
    ],
)
def test_a_fault_of_the_table_stops_it(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "studies.csv"
    path.write_text(content)
    before = csv.field_size_limit(1_000)
    try:
        with pytest.raises(DataError, match=said):
            check_studies(path)
    finally:
        csv.field_size_limit(before)


def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    for name, said in (("no.csv", "no such file"), ("a.xlsx", "ends in"), ("a.parquet", "parquet")):
        path = tmp_path / name
        if name == "a.parquet":
            path.write_text("no table")
        with pytest.raises(DataError, match=said):
            check_studies(path)


def test_the_page_describes_every_column_as_the_code_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "many_studies.md").read_text()
    for name in COLUMNS:
        assert f"| `{name}` | {StudyRow.model_fields[name].description} |" in page


@pytest.mark.parametrize("kind", [".parquet", ".jsonl"])
def test_a_number_that_is_none_is_no_value(kind: str, tmp_path: Path) -> None:
    row: dict[str, object] = {"study_id": "1", "temperature_f": float("nan")}
    assert asked(written(tmp_path / f"studies{kind}", [row])) == [AskedStudy("1", 1)]


def test_a_line_that_no_parser_reads_is_of_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text('{"study_id": "1"}\n' + "[" * 100_000 + "\n")
    first, second = asked(path)
    assert first.problem is None
    assert "not JSON" in str(second.problem)


def test_a_table_of_another_coding_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "studies.csv"
    path.write_bytes("study_id,indication\n1,Müdigkeit\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"is not UTF-8 .* Save it again as UTF-8"):
        check_studies(path)


def test_a_cell_of_na_is_empty_in_every_column_but_the_indication(tmp_path: Path) -> None:
    row = dict.fromkeys(COLUMNS, "NA") | {"study_id": "1"}  # as R writes a table
    (study,) = asked(written(tmp_path / "studies.csv", [row]))
    assert study == AskedStudy("1", 1, indication="NA")
    (problem,) = check_studies(written(tmp_path / "a.csv", [{"study_id": "NA"}])).problems
    assert "missing" in problem.what


def test_of_a_key_that_comes_twice_no_value_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text('{"study_id": "1", "gender": "F", "gender": "M"}\n{"study_id": "2"}\n')
    first, second = asked(path)
    assert "'gender' is there several times" in str(first.problem)
    assert second.problem is None


def test_half_a_character_is_of_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text('{"study_id": "1", "indication": "co\\ud800"}\n{"study_id": "2\\udfff"}\n')
    first, second = asked(path)
    assert first.problem == "column 'indication': half a character behind 2 letters; write the " + (
        "text anew"
    )
    assert "half a character behind 1 letter;" in str(second.problem)


@pytest.mark.parametrize("name", ["", "None"])
def test_a_key_of_any_name_is_said_to_be_no_column(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / "studies.jsonl", [{"study_id": "1", name: "x"}])
    (study,) = asked(path)
    assert study.problem == f"column {name!r}: is not a column of this table"


def test_a_fault_shows_the_start_of_a_long_cell(tmp_path: Path) -> None:
    long = "x" * 100_000
    rows: list[dict[str, object]] = [
        {"study_id": "1", "gender": long},
        {"study_id": "2", "views": long},
        {"study_id": "3", "heart_rate_bpm": long},
        {"study_id": long},
    ]
    path = written(tmp_path / "studies.csv", rows)
    for problem in check_studies(path).problems:
        assert len(str(problem)) < 500
    for study in asked(path):
        assert study.problem is not None
        assert len(study.problem) < 500


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_cells_that_are_not_apart_by_commas_are_said(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "studies.csv"
    path.write_text(f"study_id{mark}gender\n1{mark}F\n")
    with pytest.raises(DataError, match=re.escape(f"separated by {mark!r} instead of commas")):
        check_studies(path)


def test_a_short_float_is_read_by_its_digits(tmp_path: Path) -> None:
    columns = {"study_id": ["1", "2"], "temperature_f": pa.array([98.6, None], pa.float32())}
    pq.write_table(pa.table(columns), tmp_path / "studies.parquet")
    first, second = asked(tmp_path / "studies.parquet")
    assert first == AskedStudy("1", 1, vitals={"temperature_f": 98.6})
    assert second == AskedStudy("2", 2)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1_234_567_891], pa.timestamp("ns")), "timestamp"),
        (pa.array([10**13], pa.timestamp("s")), "timestamp"),  # in no year that Python has
        (pa.array([1], pa.time64("ns")), "time64"),
        (pa.array([[1]], pa.list_(pa.timestamp("ns"))), "timestamp"),
        (pa.array([b"fever"]), "binary"),
        (pa.array([{"text": "fever"}]), "struct"),
    ],
)
def test_a_column_of_another_kind_is_named(values: pa.Array, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "studies.parquet"
    pq.write_table(pa.table({"study_id": ["1"], "indication": values}), path)
    with pytest.raises(DataError, match=f"column 'indication' holds .*{kind}.*; expected text or"):
        check_studies(path)


def test_words_kept_once_are_words(tmp_path: Path) -> None:
    columns = {name: pa.array(["1"]).dictionary_encode() for name in ("study_id", "indication")}
    pq.write_table(pa.table(columns), tmp_path / "studies.parquet")
    assert asked(tmp_path / "studies.parquet") == [AskedStudy("1", 1, indication="1")]
