"""Pieces of the report: what is hidden, what is escaped, what is said."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from camchex.aggregates.results import Results
from camchex.report.charts import line_chart
from camchex.report.example_studies import example_section
from camchex.report.examples import Example, Failure, most_wrong, png, varied
from camchex.report.inputs import (
    ReportInputs,
    read_precision_recall,
    read_pseudo_labels,
    read_training,
)
from camchex.report.markup import bar, number, percent, points, spread, table, text
from camchex.report.other_results import MADE_BY, Shown
from camchex.report.page import render_report
from camchex.report.paper import beside_the_paper
from camchex.report.provenance import Provenance
from camchex.report.results import class_bars, headline, precision_recall
from camchex.report.training import pseudo_label_section
from tests.report.workspace import write_workspace

NEVER = {"mean": None, "sd": None}
LEVEL = {
    "mAP": {"mean": 0.5, "sd": None},
    "AUROC": {"mean": 0.75, "sd": None},
    "classes_scored": 1,
    "classes_not_scored": ["Hernia"],
    "groups": {"percent": {}},
}
SUMMARY: Results = {
    "data": "real",
    "seeds": [3],
    "studies": 1234,
    "images": 2345,
    "mean_prevalence": 0.125,
    "study": LEVEL,
    "image": LEVEL,
    "per_class": {
        "Hernia": {"AP": NEVER, "AUROC": NEVER, "positives": 0, "prevalence": 0.0},
        "Mass": {"AP": NEVER, "AUROC": NEVER, "positives": "<5", "prevalence": None},
        "Edema": {
            "AP": {"mean": 0.5, "sd": None},
            "AUROC": {"mean": 0.75, "sd": None},
            "positives": 154,
            "prevalence": 0.125,
        },
    },
}


NOTHING = Shown({}, {name: f"`{command}` measures it." for name, command in MADE_BY.items()})


def test_values_are_escaped_and_rounded() -> None:
    assert text("<script>&") == "&lt;script&gt;&amp;"
    assert (text(None), number(None), percent(None), points(None)) == ("–",) * 4  # noqa: RUF001
    assert (text(1234567), text(0.25), percent(0.1234), points(-0.01)) == (
        "1,234,567",
        "0.250",
        "12.3 %",
        "-1.0 points",
    )
    assert "&lt;b&gt;" in table(["<b>"], [])


def test_one_seed_shows_no_spread() -> None:
    assert spread({"mean": 0.5, "sd": None}) == "0.500"
    assert "± 0.010" in spread({"mean": 0.5, "sd": 0.01})
    assert "One seed, on 1,234 test studies (2,345 images)." in headline(SUMMARY, 0.95)


def test_classes_that_could_not_be_scored_are_named() -> None:
    assert "for want of positives or negatives in the test studies: Hernia." in headline(
        SUMMARY, 0.95
    )


def test_a_small_class_has_a_row_without_numbers() -> None:
    rows = class_bars(SUMMARY).split("<tr>")
    assert "Edema" in rows[2]  # the best comes first
    assert 'class="bar"' in rows[2]
    small = next(row for row in rows if "Mass" in row)
    assert "&lt;5" in small
    assert 'class="bar"' not in small


def test_a_bar_and_its_mark_are_where_the_values_are() -> None:
    drawn = bar(0.5, 0.125, "0.500")
    assert "width:50.0%" in drawn
    assert "left:12.5%" in drawn


def test_other_labels_are_not_set_beside_the_papers() -> None:
    section = beside_the_paper(SUMMARY, NOTHING)
    assert "not the 26 of CXR-LT 2023" in section
    assert "Table A2" not in section
    assert "CheXFusion" in section


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    folder = tmp_path_factory.mktemp("metrics")
    write_workspace(folder)
    return ReportInputs(
        summary=SUMMARY,
        audit={},
        cohort={},
        pseudo_labels=read_pseudo_labels(folder / "metrics/pseudo_labels"),
        training=read_training(folder / "metrics/curves/train", [0]),
        precision_recall={3: {}},
        reliability={},
        subgroups={},
        benchmarks={},
        data={},
        shown=NOTHING,
        level=0.95,
        provenance=Provenance({}, "demo", (), {}),
    )


def test_without_a_class_to_show_there_is_no_curve(inputs: ReportInputs) -> None:
    assert "No class has enough studies" in precision_recall(inputs)


def test_training_curves_are_those_of_the_declared_runs(inputs: ReportInputs) -> None:
    runs = set(inputs.training["train_loss"])
    assert runs == {*(f"gen{g}" for g in range(5)), "frontal", "lateral", "fusion_seed0"}
    assert inputs.training["development_mAP"]["gen0"][2] == pytest.approx((2, 0.34))


def test_pseudo_labels_are_averaged_over_the_labels_filled_in(inputs: ReportInputs) -> None:
    classes = {
        "Edema": {"predicted": 300, "mean": 0.2, "q05": 0.1, "q50": 0.2, "q95": 0.3},
        "Mass": {"predicted": 100, "mean": 0.6, "q05": 0.1, "q50": 0.2, "q95": 0.9},
        "Hernia": {"predicted": 3},
    }
    section = pseudo_label_section({"gen0": {"nih": {"images": 300, "classes": classes}}})
    assert "<td>0.300</td>" in section
    assert "Hernia" not in section
    few = pseudo_label_section({"gen0": {"nih": {"images": 3, "classes": {}}}})
    assert "<td>–</td>" in few  # noqa: RUF001
    assert "0.120" in pseudo_label_section(inputs.pseudo_labels)


def test_studies_of_real_patients_are_refused(inputs: ReportInputs) -> None:
    example = Example([], ["Edema"], None, "", [])
    with pytest.raises(ValueError, match="must not be shown"):
        render_report(replace(inputs, examples=[example]))
    failure = Failure(example, "Edema", 0.1, 0.01, missed=True)
    with pytest.raises(ValueError, match="must not be shown"):
        render_report(replace(inputs, failures=[failure]))


def test_an_example_shows_what_the_model_reads_and_what_it_got_right() -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    guesses = [("Mass", 0.9), ("Edema", 0.25)]
    shown = example_section(
        [Example([("frontal", png(image))], ["Edema"], "r/o <mass>", "HR: 80", guesses)]
    )
    assert 'alt="frontal view"' in shown
    assert "<li>Mass 0.900</li><li>Edema 0.250 ✓</li>" in shown
    assert "r/o &lt;mass&gt;" in shown
    assert "r/o <mass>" in unescape(shown)


def test_the_most_wrong_are_the_furthest_from_their_findings_level() -> None:
    """The second finding is always given much: 0.9 there is no alarm, 0.5 in the first is."""
    labels = np.array([[0, 0], [0, 0], [1, 1], [0, 1], [1, 0]], dtype=float)
    guesses = np.array([[0.5, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.2], [0.1, 0.91]])
    assert most_wrong(labels, guesses, missed=False)[0] == (0, 0)
    assert most_wrong(labels, guesses, missed=True)[0] == (3, 1)
    for missed in (False, True):
        found = most_wrong(labels, guesses, missed=missed)
        assert len({row for row, _ in found}) == len({column for _, column in found}) == len(found)
        assert all(labels[cell] == missed for cell in found)
    assert most_wrong(np.full((3, 2), np.nan), np.full((3, 2), 0.5), missed=False) == []


def test_examples_show_rare_findings_and_then_new_ones() -> None:
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 0]], dtype=float)
    assert varied(labels)[:3] == [2, 1, 0]
    assert len(varied(np.zeros((2, 3)))) == 2


def test_equal_lines_give_an_equal_chart_and_others_another() -> None:
    lines = {"a": [(0.0, 0.1), (1.0, 0.3)], "b": [(0.0, 0.2)]}
    chart = line_chart(lines, "Loss", ("epoch", "loss"))
    assert chart == line_chart(lines, "Loss", ("epoch", "loss"))
    assert chart != line_chart(lines, "Loss & more", ("epoch", "loss"))
    assert chart.startswith('<figure class="chart"><svg')
    assert "<metadata" not in chart
    assert ">Loss<" in chart  # text stays text


def test_precision_and_recall_are_read_by_seed_and_class(tmp_path: Path) -> None:
    folder = tmp_path / "curves/test/seed4"
    folder.mkdir(parents=True)
    (folder / "precision_recall.csv").write_text("class,recall,precision\nEdema,0.0,1.0\n")
    assert read_precision_recall(tmp_path / "curves/test", [4]) == {4: {"Edema": [(0.0, 1.0)]}}
