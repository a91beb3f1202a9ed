"""The page: what is hidden, what is said, and what is never shown."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camchex.aggregates.results import write_results
from camchex.comparisons.missing import SHARES, WITHOUT
from camchex.report.curve_charts import gains_by_class
from camchex.report.examples import Example, Failure, png
from camchex.report.explanations import ShownExplanations, read_explanations
from camchex.report.inputs import ReportInputs
from camchex.report.odd_counts import ODD, odd_counts
from camchex.report.page import render_report
from camchex.scores.curves import MACRO
from tests.report.workspace import ABSENT, RARE, without_curves


def section(page: str, anchor: str) -> str:
    """Text and tags of one section of a page."""
    return unescape(page.split(f'id="{anchor}"')[1].partition("</section>")[0])


@pytest.fixture(scope="module")
def inputs(inputs: ReportInputs) -> ReportInputs:
    """Without curves, whose charts take nearly all the time of a page; test_stages has them all."""
    return without_curves(inputs)


@pytest.fixture(scope="module")
def page(inputs: ReportInputs) -> str:
    return render_report(inputs)


def test_the_page_names_the_machine_of_trainings_that_are_not_portable(
    page: str, inputs: ReportInputs
) -> None:
    plain = section(page, "provenance")
    assert "All trainings had portable arithmetic" in plain
    assert "Another machine may make other last digits" not in plain
    machines = {"gen2": "device NVIDIA <X>, devices 1, threads 8, torch 2.1"}
    text = section(render_report(replace(inputs, machines=machines)), "provenance")
    assert "All trainings had portable arithmetic" not in text
    (row,) = (row for row in text.split("<tr>") if "gen2" in row)
    assert machines["gen2"] in row
    assert "gen1" not in text


def test_what_a_class_gains_is_a_line_from_left_to_right_over_what_all_seeds_show(
    inputs: ReportInputs,
) -> None:
    def rows(name: str, *thresholds: float) -> list[dict[str, str]]:
        cells = [("class", name), ("net_benefit", "0.3"), ("call_all", "-0.1")]
        return [dict(cells) | {"threshold": str(x)} for x in thresholds]

    seeds = {
        0: [*rows("Mass", 0.2, 0.3, 0.4), *rows("Edema", 0.5), *rows(MACRO, 0.1)],
        1: [*rows("Mass", 0.1, 0.2, 0.4), *rows(MACRO, 0.1)],
        2: [*rows("Mass", 0.4, 0.2)],
    }
    found = gains_by_class(replace(inputs, net_benefit=seeds))
    assert found == {"Mass": [(0.2, pytest.approx(0.3)), (0.4, pytest.approx(0.3))]}


def test_the_page_repeats_what_trainings_said_of_themselves(
    page: str, inputs: ReportInputs
) -> None:
    assert "running median" not in section(page, "training")
    quiet = {"gen0": [], "fusion_seed0": []}
    text = section(render_report(replace(inputs, remarks=quiet)), "training")
    assert "No training had a step" in text
    loud = quiet | {"gen0": ["not converged: the last epochs were still gaining on Mass"]}
    text = section(render_report(replace(inputs, remarks=loud)), "training")
    (row,) = text.partition("<tbody>")[2].partition("</tbody>")[0].strip().split("<tr>")[1:]
    assert "gen0" in row
    assert loud["gen0"][0] in row
    assert "No training had a step" not in text


def test_views_and_external_sets_are_shown_where_they_were_counted(
    page: str, inputs: ReportInputs
) -> None:
    assert "does not tell their view" not in section(page, "cohort")
    both = {"frontal": 1234, "lateral": 77}
    sizes = {"images": 12345, "studies": 7, "patients": 7}
    own = {"listed": sizes, "official_test": {"images": 345}, "kept": {"images": 12000}}
    counted = {
        **inputs.data,
        "mimic": {"views": {"default": both, "OtherImage": both}},
        "external_own": {**own, "contradictions": "<5"},
    }
    text = section(render_report(replace(inputs, data=counted)), "cohort")
    assert "The header of 1,234 images does not tell their view: they are read as frontal" in text
    (row,) = (row for row in text.split("<tr>") if "own" in row)
    assert re.findall(r"<td>(.*?)</td>", row) == ["12,345", "345", "12,000", "<5"]


def test_a_warning_about_the_reports_stands_in_the_page(page: str, inputs: ReportInputs) -> None:
    assert "Warning" not in section(page, "cohort")
    counted = {
        **inputs.data,
        "indications": {"warning": "More than 10% of <them>"},
        "vitals": {"warning": "o2_saturation_pct: all are lost"},
    }
    text = section(render_report(replace(inputs, data=counted)), "cohort")
    assert "Warning: More than 10% of <them>" in text
    assert "Warning: o2_saturation_pct: all are lost" in text


def test_counts_that_should_be_0_are_shown_where_they_are_not(
    page: str, inputs: ReportInputs
) -> None:
    assert "What is odd in the data" not in section(page, "cohort")
    other = {"images": {"in_training": 9}, "patients": {"in_training": 4321}}
    counted = {
        **inputs.data,
        "mimic": {"studies_of_over_a_day": "<5", "other_tests_in_training": {"a.csv": other}},
        "vitals": {"rows": {"triage": 70, "triage_orphan": 7, "triage_duplicate": 0}},
        "external_own": {"studies_with_several_labels": 77},
    }
    found = list(odd_counts({k: v for k, v in counted.items() if k != "cohort"}))
    assert found == [
        ("mimic", "studies with images over a day apart", "<5"),
        ("mimic", "patients of a.csv in training", 4321),
        ("vitals", "rows of the emergency department: triage_orphan", 7),
        ("external_own", "studies whose images have different labels", 77),
    ]
    page = render_report(replace(inputs, data={**inputs.data, "vitals": counted["vitals"]}))
    text = section(page, "cohort")
    assert "What is odd in the data" in text
    (row,) = (row for row in text.split("<tr>") if "triage_orphan" in row)
    assert "vitals.json" in row
    assert "<td>7</td>" in row


def test_every_odd_count_is_named_by_the_code_that_counts() -> None:
    rooms = ("sources", "reports", "vitals", "cohort")
    files = [path for room in rooms for path in Path("camchex", room).rglob("*.py")]
    code = "".join(path.read_text() for path in files)
    names = {name for _, keys, _ in ODD for name in keys.split(".") if "*" not in name}
    assert not [name for name in names if name not in code]


def test_curated_labels_have_a_table_where_there_are_any(inputs: ReportInputs) -> None:
    row = dict.fromkeys(("mAP_low", "AUROC_low"), "0.5")
    row |= dict.fromkeys(("mAP_high", "AUROC_high"), "0.75")
    row |= {"finding": "Edema", "blank": "negative", "uncertain": "left out", "classes": "1"}
    rows = {s: [{**row, "studies": "321", "mAP": f"0.6{s}", "AUROC": "0.7"}] for s in (1, 3)}
    text = render_report(replace(inputs, curated={"radiologists": rows, "few": {1: [], 3: []}}))
    text = section(text, "other-labels")
    (found,) = (r for r in text.split("<tr>") if "Edema, blank negative, uncertain left out" in r)
    assert "321" in found
    assert "0.620" in found
    assert "too few curated test studies" in text


def test_one_seed_has_no_deviation(inputs: ReportInputs) -> None:
    one = {**inputs.summary, "seeds": [0]}
    text = render_report(replace(inputs, summary=one))
    assert "One seed, on 150 test studies" in text
    assert "of 2 seeds" not in text


def test_classes_that_could_not_be_scored_are_named(page: str) -> None:
    assert f"because the test studies lack positives or negatives: {', '.join(ABSENT)}." in page


def test_a_small_class_has_a_row_without_numbers(page: str) -> None:
    first, *rows = section(page, "each-finding").split("<tr>")[2:]
    assert 'class="bar"' in first  # the best comes first
    (small,) = (row for row in rows if RARE in row)
    assert "<5" in small
    assert 'class="bar"' not in small
    assert not re.search(r"\d\.\d", small)


def test_other_labels_are_not_set_beside_the_papers(inputs: ReportInputs) -> None:
    classes = {name: row for name, row in inputs.summary["per_class"].items() if name != RARE}
    summary = {**inputs.summary, "per_class": classes}
    text = section(render_report(replace(inputs, summary=summary)), "beside-the-paper")
    assert "not the 26 of CXR-LT 2023" in text
    assert "Table A2" not in text
    assert "CheXFusion" in text


def test_without_a_class_to_show_there_is_no_curve(page: str) -> None:
    assert "<svg" not in section(page, "precision-and-recall")


def test_studies_of_real_patients_are_refused(inputs: ReportInputs) -> None:
    real = {**inputs.summary, "data": "real"}
    for shown in ({"examples": ()}, {"failures": ()}):
        with pytest.raises(ValueError, match="must not be shown"):
            render_report(replace(inputs, summary=real, **shown))


def test_an_example_shows_what_the_model_reads_and_what_it_got_right(inputs: ReportInputs) -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    guesses = [("Mass", 0.9), ("Edema", 0.25)]
    example = Example([("frontal", png(image))], ["Edema"], "r/o <mass>", "HR: 80", guesses)
    failures = [Failure(example, "Edema", 0.1, 0.01, missed=True)]
    text = render_report(replace(inputs, examples=[example], failures=failures))
    assert text.count('alt="frontal view"') == 2
    assert "<li>Mass 0.900</li><li>Edema 0.250 ✓</li>" in text
    assert "r/o &lt;mass&gt;" in text
    wrong = section(text, "what-it-is-most-wrong-about")
    assert "Misses" in wrong
    assert "False alarms" not in wrong


def missing(*, hidden: bool = False) -> dict[str, Any]:
    """Results of what is missing, as `make missing` writes them."""
    mean = {"mean": None if hidden else 0.512, "sd": 0.01}
    scores = {"mAP": mean, "AUROC": mean}
    ends = {f"{score}_interval": None if hidden else [0.4, 0.6] for score in scores}
    values = {score: found["mean"] for score, found in scores.items()}
    step = {"mean": -0.123, "sd": 0.01, "clear": True, "at_least_as_good": False}
    plain = {"label": "nothing is missing", "studies": 40, **scores}
    row = plain | {
        "label": "a part",
        "dedicated": scores,
        "difference": dict.fromkeys(scores, step),
    }
    return {
        "data": "synthetic",
        "seeds": [0, 1],
        "draws": 5,
        "rows": {"camchex": plain | {"dedicated": None, "difference": None}}
        | dict.fromkeys(WITHOUT.values(), row),
        "curves": {name: [{"share": s, **values, **ends} for s in SHARES] for name in WITHOUT},
    }


def test_what_is_missing_is_drawn_with_bands_and_said_in_a_table(inputs: ReportInputs) -> None:
    def shown_of(found: dict[str, Any]) -> str:
        others = replace(inputs.others, found={"missing": found})
        return section(render_report(replace(inputs, others=others)), "what-is-missing")

    shown = shown_of(missing())
    assert shown.count("<svg") == 2
    assert shown.count("fill-opacity: 0.12") == 2 * len(WITHOUT)
    assert shown.count(", trained without") == 2 * len(WITHOUT)
    assert "-0.123" in shown
    assert "<td>no</td>" in shown
    assert "<svg" not in shown_of(missing(hidden=True))
    assert "<code>make missing</code>" in section(render_report(inputs), "what-is-missing")


def test_the_first_screen_answers_before_the_page_explains(page: str) -> None:
    first = page.index('<div class="answers">')
    assert page.index('<div class="cards study">') < first < page.index("How it was made")
    assert first < page.index('id="cohort"')
    links = set(re.findall(r'href="#([^"]*)"', page))
    assert links <= set(re.findall(r' id="([^"]*)"', page))
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len({*ids})


def test_the_tables_of_the_audit_are_folded_behind_one_chart(page: str) -> None:
    text = section(page, "what-the-score-owes-to-the-indication")
    seen, folded, _ = text.partition("<summary>The tables behind the chart</summary>")
    assert folded
    assert "<table" not in seen


def test_a_group_is_beside_the_papers_only_where_it_has_the_same_classes(
    inputs: ReportInputs,
) -> None:
    groups = inputs.summary["image"]["groups"]
    body = {**groups["challenge"]["body"], "classes": ["Edema"]}
    changed = {**groups, "challenge": {**groups["challenge"], "body": body}}
    summary = {**inputs.summary, "image": {**inputs.summary["image"], "groups": changed}}
    text = section(render_report(replace(inputs, summary=summary)), "beside-the-paper")
    rows = {row.partition("<")[0]: row for row in text.split('<th scope="row">')}
    assert "1 class</td>" in rows["challenge: body"]
    assert "<td>10 classes</td><td>other classes</td>" in rows["challenge: body"]
    assert re.search(r"<td>8 classes</td><td>0\.\d{3}</td>", rows["paper: head"])


def test_what_was_recorded_elsewhere_is_shown_as_such(inputs: ReportInputs) -> None:
    table = {"data": "real", "rows": [("all <of> it", {"mAP": 0.4321, "AUROC": None})]}
    others = replace(inputs.others, elsewhere={"table3": table, "missing": table})
    page = render_report(replace(inputs, others=others))
    for anchor in ("beside-the-paper", "what-is-missing"):
        text = section(page, anchor)
        apart = text.partition("What was recorded elsewhere, on other patients")[2]
        assert "all <of> it</th><td>0.432</td>" in apart
    assert "0.432" not in section(page, "participants")


def test_students_of_one_epoch_are_compared_by_generation(inputs: ReportInputs) -> None:
    scores = {f"gen{g}": [(0.0, 0.3 + g / 100)] for g in range(1, 5)} | {
        "gen0": [(0.0, 0.1), (1.0, 0.3)],
        "fusion_seed0": [(0.0, 0.5), (1.0, 0.6)],
    }
    page = render_report(replace(inputs, training={"development_mAP": scores}))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", section(page, "training"))
    assert captions == [
        "Image networks: development mAP",
        "Fusion: development mAP",
        "Teacher (generation 0) and students: development mAP of the kept epoch",
    ]
    assert "gen1" not in section(page, "training").partition("</svg>")[0]


def test_people_words_and_limits_are_on_the_page(page: str) -> None:
    for anchor, word in {
        "participants": "edstays of MIMIC-IV-ED has it",
        "glossary": "MIMIC-14",
        "intended-use-and-limits": "TRIPOD+AI",
        "subgroups": "not recorded",
    }.items():
        assert word in section(page, anchor)


def test_the_page_shows_how_often_explanations_hit(page: str, inputs: ReportInputs) -> None:
    assert "make explanations" in section(page, "what-explanations-hit")
    ours = {"hit": 0.6}
    theirs = {"m": ours, "m, random weights": {"hit": 0.1}, "edge": {"hit": 0.3}}
    kind = {
        "method": "m",
        "all": {"places": 50, "means": theirs},
        "findings": {"Mass": {"shown": True}, "Hernia": {"shown": False}},
    }
    picture = {"finding": "Mass", "view": "frontal", "image": "A", "map": "B", "sign": "C"}
    results = {
        "seed": 0,
        **dict.fromkeys(("maps", "words", "vitals", "views"), kind),
        "contributions": {"findings": {}},
        "examples": [picture],
    }
    shown = ShownExplanations(results, note="Of another run.")
    text = section(render_report(replace(inputs, explanations=shown)), "what-explanations-hit")
    assert "60.0 %" in text
    assert "10.0 %" in text
    (row,) = (row for row in text.split("<tr>") if "maps of images" in row)
    assert "edge" in row
    assert "Of another run." in text
    assert all(f"data:image/png;base64,{one}" in text for one in "ABC")
    (mass,) = (row for row in text.split("<tr>") if ">Mass</th>" in row)
    assert mass.count("yes") == 4


def test_explanations_of_another_model_are_said_to_be(tmp_path: Path) -> None:
    results = {"data": "synthetic", "seed": 0, "scores": {"mAP": 0.5, "AUROC": 0.8}}
    metrics = {0: {"study": {"mAP": 0.5, "AUROC": 0.8}}}
    assert "make explanations" in read_explanations(tmp_path, metrics, "synthetic").why_not
    write_results(results, tmp_path / "explanations.json")
    assert read_explanations(tmp_path, metrics, "synthetic").note is None
    other = {0: {"study": {"mAP": 0.51, "AUROC": 0.8}}}
    assert "another run" in str(read_explanations(tmp_path, other, "synthetic").note)
    assert read_explanations(tmp_path, metrics, "real").results is None
