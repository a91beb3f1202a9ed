"""YAML is read as DVC reads it; what no parameter can mean is refused with its place and key."""

import math
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml, loads_yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from camchex.contract.yaml_file import parse_yaml, read_yaml, yaml_text
from camchex.errors import ParamsError

REPO = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.yaml", "*.yml", "*dvc.lock"],
    cwd=REPO,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 0.000001),
        ("8E-4", 0.0008),
        ("1e6", 1000000.0),
        ("010", 10),
        ("0o10", 8),
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("12:30:45", "12:30:45"),
        ("~", None),
        ("", None),
    ],
)
def test_a_value_is_that_of_yaml_1_2(text: str, value: object) -> None:
    assert repr(parse_yaml(text, "x")) == repr(value)  # repr tells 1, 1.0 and True apart


DOCUMENTS = [
    *("a: 1_000", "a: 0x1F", "a: 0b11", "a: +1", "a: 1.", "a: .5", "a: .5e3", "a: 1e+3", "a: 0777"),
    *("a: 2001-02-03", "a: 2001-02-03 04:05:06", "a: 1:30.5", "a: 'yes'", 'a: "010"', "a:"),
    *("a: !!str 1", "a: !!float 1", "a: !!int '07'", "a: |\n  x\n  y\n", "a: >-\n  x\n  y\n"),
    *("%YAML 1.1\n---\na: [on, 010, 1e-6]", "a: &x [1, 2]\nb: *x", "a: &x {b: 1}\nc: {<<: *x}"),
    *("7: a\n2.5: b\ntrue: c\nnull: d", "a: {b: {c: [d, {e: f}]}}", "[]", "- 1\n- yes", "# no"),
    *("=: 1", "a: -0", "a: -0.0", "a: 1e", "a: 1e-400", "? a\n: b", "\ufeffa: é"),
    "a: !!binary aGk=",
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_document_is_read_as_dvc_reads_it(text: str) -> None:
    assert repr(parse_yaml(text, "x")) == repr(loads_yaml(text))


@given(st.text("0123456789eE.+-_:xobaynfstruTNF~<=/# ", max_size=8))
def test_any_short_scalar_is_read_as_dvc_reads_it_or_refused(text: str) -> None:
    try:
        theirs = loads_yaml(f"a: [{text}]")
    except Exception:  # noqa: BLE001 - DVC's parser lets errors of Python through, as ValueError
        theirs = None
    try:
        ours = parse_yaml(f"a: [{text}]", "x")
    except ParamsError:
        assert theirs is None or "inf" in repr(theirs) or "nan" in repr(theirs)
    else:
        assert repr(ours) == repr(theirs)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None), st.sampled_from("eE"))
def test_a_number_has_its_decimal_value(number: Decimal, exponent: str) -> None:
    text = str(number).replace("E", exponent)
    assume(math.isfinite(float(number)))
    read = parse_yaml(text, "x")
    assert read == (float(number) if isinstance(read, float) else number)
    assert isinstance(read, float) == bool(re.search(r"[.eE]", text))


@pytest.mark.parametrize("file", TRACKED)
def test_every_yaml_file_of_the_project_is_read_as_dvc_reads_it(file: str) -> None:
    assert repr(read_yaml(REPO / file)) == repr(load_yaml(str(REPO / file)))


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1", "a"),
        ("a: 1\nb:\n  c: 1\n  d: 1\n  c: 1", "line 5, column 3", "b.c"),
        ("a:\n- {b: 1, b: 1}", "line 2, column 10", "a.0.b"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n  d: 2", "line 5, column 3", "c.d"),
        ("a: {<<: {b: 1}, <<: {c: 1}}", "line 1, column 17", "a.<<"),
        ("1: a\n1.0: b", "line 2, column 1", "1.0"),
        ("a: 1\n'a': 1", "line 2, column 1", "a"),
    ],
)
def test_a_key_given_twice_is_named_with_its_place(text: str, place: str, key: str) -> None:
    with pytest.raises(ParamsError) as error:
        parse_yaml(text, "params.yaml")
    assert str(error.value).startswith(f"params.yaml: {place}: `{key}` is given twice")


def test_a_merged_section_may_be_changed_in_a_key() -> None:
    text = "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}"
    assert parse_yaml(text, "x")["d"] == {"b": 3, "c": 2}


@pytest.mark.parametrize("number", [".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", "1e999"])
def test_a_number_that_is_not_finite_is_named_with_its_place(number: str) -> None:
    with pytest.raises(ParamsError) as error:
        parse_yaml(f"a:\n  b: [1, {number}]", "params.yaml")
    assert f"params.yaml: line 2, column 10: `a.b.1` is {number}" in str(error.value)


def test_what_has_the_form_of_a_number_is_text_in_quotes() -> None:
    assert parse_yaml("['.inf', '010', '1e-6']", "x") == [".inf", "010", "1e-6"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"x: not valid YAML: line 2, column 1: .*flow"),
        ("a: 1\n\tb: 2", r"x: not valid YAML: line 2, column 1: "),
        ("a: 1\n---\nb: 1", r"x: not valid YAML: line 2, column 1: .*single document"),
        ("a: \x07", r"x: not valid YAML: .*control characters"),
        ("a: *b", r"x: not valid YAML: line 1, column 4: .*alias"),
        ("a: !foo 1", r"x: not valid YAML: line 1, column 4: .*!foo"),
        ("a: 2001-02-30", r"x: line 1, column 4: `a` is 2001-02-30: .*Quote it"),
        ("a: &b {c: [*b]}", r"x: line 1, column 4: `a\.c\.0` contains itself"),
        ("a: {[1]: 2}", r"x: line 1, column 5: a key of `a` is a list"),
        ("a: !!set {b}", r"x: line 1, column 4: `a` has the tag .*set"),
        ("[" * 3000 + "]" * 3000, "x: .*nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        parse_yaml(text, "x")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("root: /données".encode("latin-1"))
    with pytest.raises(ParamsError, match=r"params\.yaml: not UTF-8"):
        read_yaml(path)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("01e-+.:_xoyesn#'\"{}[]&*!|>%@`, \nabcé", max_size=8)
)
KEYS = st.text("01e-.:yesno #é", max_size=6)
CONTENTS = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3)
)


@given(st.dictionaries(KEYS, CONTENTS, max_size=4))
@settings(max_examples=40)
def test_what_is_written_is_read_back_here_and_by_dvc(content: dict[str, object]) -> None:
    text = yaml_text(content)
    assert repr(parse_yaml(text, "x")) == repr(loads_yaml(text)) == repr(content)
