"""Charts: equal data give equal bytes, and text stays text."""

from camchex.report.charts import line_chart


def test_equal_lines_give_an_equal_chart_and_others_another() -> None:
    lines = {"a": [(0.0, 0.1), (1.0, 0.3)], "b": [(0.0, 0.2)]}
    chart = line_chart(lines, "Loss", ("epoch", "loss"))
    assert chart == line_chart(lines, "Loss", ("epoch", "loss"))
    assert chart != line_chart(lines, "Loss & more", ("epoch", "loss"))
    assert chart.startswith('<figure class="chart"><svg')
    assert "<metadata" not in chart
    assert ">Loss<" in chart  # text stays text


def test_a_band_has_the_colour_of_its_line_and_a_dot_that_of_the_line_before() -> None:
    lines = {"a": [(0.0, 0.1), (1.0, 0.3)], "a dot": [(1.0, 0.4)], "b": [(0.0, 0.2), (1.0, 0.2)]}
    bands = {"a": [(0.0, 0.0, 0.2), (1.0, 0.2, 0.4)]}
    chart = line_chart(lines, "Missing", ("share", "mAP"), bands=bands)
    plain = line_chart(lines, "Missing", ("share", "mAP"))
    assert chart.count("opacity: 0.12") == 1
    assert "opacity: 0.12" not in plain
    first, second, third = "#1b6ca8", "#d1495b", "#3a7d44"
    assert f"fill: {first}; fill-opacity: 0.12" in chart
    assert {colour in chart for colour in (first, second)} == {True}
    assert third not in chart  # the dot took none of its own
    assert third in plain
