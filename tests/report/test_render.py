"""How numbers and texts are written on the page and on the cards."""

import pytest
from jinja2 import UndefinedError

from camchex.report.render import (
    ENVIRONMENT,
    NONE,
    cell,
    code_in,
    number,
    p_value,
    percent,
    points,
    render,
)


def test_values_are_rounded_and_none_is_a_dash() -> None:
    assert (cell(None), number(None), percent(None), points(None)) == (NONE,) * 4
    assert number(None, missing="not shown") == "not shown"
    assert (cell(1234567), cell(0.25), cell("<5")) == (
        "1,234,567",
        "0.250",
        "<5",
    )
    assert (number(0.25, signed=True), number(-0.25)) == ("+0.250", "-0.250")
    assert (percent(0.1234), points(-0.01)) == ("12.3 %", "-1.0 points")


def test_a_small_p_value_is_never_0() -> None:
    found = [p_value(p) for p in (0.0, 0.0004, 0.000999, 0.001, 0.0344, 1.0)]
    assert found == ["< .001", "< .001", "< .001", "= 0.001", "= 0.034", "= 1.000"]


def test_text_is_escaped_with_and_without_code() -> None:
    assert code_in("a < b: `x & y`") == "a &lt; b: <code>x &amp; y</code>"
    page = ENVIRONMENT.from_string(
        "{% from 'macros.html' import table %}{% call table([name]) %}{% endcall %}"
    )
    assert "<b>" not in page.render(name="<b>")


def test_a_bar_and_its_mark_are_where_the_values_are() -> None:
    source = "{% from 'macros.html' import bar %}{{ bar(0.5, 0.125, 'half', [0.25, 0.75]) }}"
    drawn = ENVIRONMENT.from_string(source).render()
    assert "width:50.0%" in drawn
    assert "left:12.5%" in drawn
    assert "left:25.0%;width:50.0%" in drawn


def test_one_seed_shows_no_deviation() -> None:
    source = "{% from 'macros.html' import mean_sd %}{{ mean_sd(score) }}"
    page = ENVIRONMENT.from_string(source)
    assert page.render(score={"mean": 0.5, "sd": None}) == "0.500"
    assert "± 0.010" in page.render(score={"mean": 0.5, "sd": 0.01})


def test_a_value_that_the_data_do_not_have_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="study"):
        render("main_scores.html", summary={"mean_prevalence": 0.1}, level=0.95)
