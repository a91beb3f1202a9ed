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
