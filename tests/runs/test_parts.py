"""Parts of some work: each thing belongs to one of them."""

import pytest

from camchex.errors import ParamsError
from camchex.runs.parts import Part


@pytest.mark.parametrize("count", [1, 3, 16])
@pytest.mark.parametrize("total", [0, 1, 5, 16, 100])
def test_the_parts_are_everything_once_in_order_and_of_about_one_size(
    count: int, total: int
) -> None:
    parts = [Part(number, count).of(total) for number in range(1, count + 1)]
    assert [thing for part in parts for thing in part] == list(range(total))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_part_is_read_as_it_is_written() -> None:
    assert str(Part.read("3/16")) == "3/16"


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/4", "03/16", "1 /4"])
def test_what_is_no_part_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ParamsError, match=r"3/16"):
        Part.read(text)
