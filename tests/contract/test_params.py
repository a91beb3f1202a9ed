from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, Field

from camchex.contract.params import Section, load, read_file, unique, validate
from camchex.errors import ParamsError


class Seeds(Section):
    seeds: Annotated[tuple[int, ...], AfterValidator(unique)]
    rate: float = Field(gt=0)


def test_a_list_may_not_name_an_item_twice() -> None:
    assert validate({"seeds": [3, 1, 2], "rate": 1}, Seeds, "x").seeds == (3, 1, 2)
    with pytest.raises(ParamsError, match=r"x\.seeds: .*names 1 twice"):
        validate({"seeds": [3, 1, 1], "rate": 1}, Seeds, "x")


def test_every_wrong_key_is_named_with_what_was_found() -> None:
    with pytest.raises(ParamsError) as error:
        validate({"seeds": ["one"], "rate": -2, "rates": 1}, Seeds, "params.yaml: seeds")
    message = str(error.value)
    for wrong in ("seeds.seeds.0: ", "found 'one'", "seeds.rate: ", "found -2", "seeds.rates: "):
        assert wrong in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("a: [", "not valid YAML"),
        ("- a", "not a mapping of sections but a list"),
        ("seeds: [0]\nseeds: [1]", r"params\.yaml: line 2, column 1: `seeds` is given twice"),
        ("1: 0\na: 1", r"unknown sections \[1, 'a'\]"),
        ("sedes: [0]", r"unknown sections \['sedes'\], missing sections \['data'"),
    ],
)
def test_a_parameter_file_that_cannot_be_one_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ParamsError, match=message):
        read_file(path)


def test_a_folder_is_no_parameter_file(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="cannot be read"):
        read_file(tmp_path)


def test_a_section_below_a_section_is_read_by_its_dotted_name(demo_params: Path) -> None:
    assert load("images.size", int, demo_params) == read_file(demo_params)["images"]["size"]
    with pytest.raises(ParamsError, match=r"no `images\.sise`"):
        load("images.sise", int, demo_params)


@pytest.fixture
def demo_params() -> Path:
    return Path(__file__).parents[2] / "profiles" / "demo.yaml"
