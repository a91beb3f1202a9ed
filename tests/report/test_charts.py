"""Charts: equal data give equal bytes, and text stays text."""

import re
from dataclasses import replace
from html import unescape

import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from camchex.report import charts
from camchex.report.charts import LARGE, SMALL, interval_chart, line_chart
from camchex.report.curve_charts import precision_recall_charts
from camchex.report.inputs import ReportInputs
from camchex.scores.curves import MACRO

SIX = [(float(x), x / 10) for x in range(6)]


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
    first, second, third = "#0072b2", "#d55e00", "#009e73"
    assert f"fill: {first}; fill-opacity: 0.12" in chart
    assert {colour in chart for colour in (first, second)} == {True}
    assert third not in chart  # the dot took none of its own
    assert third in plain


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("ends", [(0, 1), (-0.0125, 0.0005), (0.01125, 0.01375), (-1, 1), (0.5, 1)])
def test_every_text_of_a_chart_is_inside_it(
    size: tuple[float, float], ends: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    save = charts._svg

    def keep(figure: Figure, title: str) -> Markup:
        drawn.append(figure)
        return save(figure, title)

    monkeypatch.setattr(charts, "_svg", keep)
    for labels in (("recall", "precision"), ("", "")) if max(ends) == 1 else (("", ""),):
        line_chart({"a": [(0.05, ends[0]), (0.5, ends[1])]}, "Title", labels, size)
    assert drawn
    for figure in drawn:
        box = figure.get_tightbbox()  # inches
        assert 0 <= box.x0 < box.x1 <= size[0]
        assert 0 <= box.y0 < box.y1 <= size[1]


def test_a_name_is_shown_as_it_is() -> None:
    names = ["$a", "b$c$", "_d_e", "100%_f", "x < y"]
    lines = line_chart(dict.fromkeys(names, SIX), "Of $x_1$ & _y", ("$t", "_u"))
    rows = interval_chart([(name, 0.5, (0.4, 0.6)) for name in names], "_Rows $2", "$v$")
    for chart, axes in ((lines, ["$t", "_u"]), (rows, ["$v$"])):
        texts = [unescape(t) for t in re.findall(r"<text[^>]*>(.*?)</text>", chart)]
        shown = [text.strip() for text in texts]
        assert not {*names, *axes} - {*shown}
    assert "<title>Of $x_1$ &amp; _y</title>" in lines
    assert "<figcaption>Of $x_1$ &amp; _y</figcaption>" in lines


def test_a_chart_has_a_role_and_a_title_and_shares_no_id_with_another() -> None:
    drawn = [line_chart({"a": SIX, "b": SIX[::-1]}, title, ("x", "y")) for title in ("One", "Two")]
    ids = [found for chart in drawn for found in re.findall(r'\bid="([^"]*)"', chart)]
    assert ids
    assert len(ids) == len({*ids})
    for chart in drawn:
        assert re.search(r'<svg[^>]* role="img"><title>', chart)
        assert {*re.findall(r'(?:href="|url\()#([^")]*)', chart)} <= {*ids}
        assert "<style" not in chart  # which would be one of the whole page


def test_lines_differ_in_more_than_colour() -> None:
    lines = dict.fromkeys("abcdefg", SIX)
    chart = line_chart(lines, "Seven", ("x", "y"))
    colours = set(re.findall(r"stroke: (#[0-9a-f]{6}); stroke-width: 1.5", chart))
    assert len(colours) >= 6
    markers = re.findall(r'<path id="[^"]*" d="(M[^"]*)"', chart)
    assert len({*markers}) >= 7


@pytest.mark.parametrize(("names", "said"), [(["Edema"], "1 class<"), (["A", "B"], "2 classes<")])
def test_a_mean_says_of_how_many_classes_it_is(
    inputs: ReportInputs, names: list[str], said: str
) -> None:
    lines = {name: [(0.0, 1.0), (1.0, 0.2)] for name in (MACRO, *names)}
    mean, small = precision_recall_charts(replace(inputs, precision_recall={0: lines}))
    assert f"Mean of {said}" in mean
    assert len(small) == len(names)
