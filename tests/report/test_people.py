"""Participants, gaps between groups, and trainings: what was counted, and nothing else."""

from dataclasses import replace

import pytest

from camchex.report.facts.people import (
    NOT_RECORDED,
    flow_of_studies,
    further_groups,
    gaps,
    groups_of,
    missing_by_split,
    missing_vital_signs,
    shares,
    text_of,
)
from camchex.report.facts.trainings import network_settings, trained, training_settings
from camchex.report.inputs import ReportInputs
from camchex.report.model_card import model_card
from camchex.report.page import render_report
from camchex.report.render import NONE
from camchex.report.seed_rows import join_gaps
from tests.report.workspace import without_curves


def row(value: str, studies: int, auroc: float | None, ends: list[float] | None) -> tuple:
    scores = {"AUROC": {"mean": auroc}, "mAP": {"mean": auroc}, "AUROC_interval": ends}
    return (("sex", value), {"studies": studies, **scores})


def test_a_hidden_count_stays_hidden_and_has_no_share() -> None:
    assert shares([5, "<5", 3, None], [20, 20, "<5", 10]) == ["5 (25.0 %)", "<5", "3", NONE]


def test_the_flow_begins_with_what_is_listed_and_ends_with_the_splits(inputs: ReportInputs) -> None:
    listed = {"patients": 1234, "studies": 2345, "images": 3456}
    first, out, *splits = flow_of_studies({**inputs.data, "mimic": listed})
    assert first.lines == ["1,234 patients", "2,345 studies", "3,456 images"]
    assert "studies without a readable image: <5" in out.lines
    assert [box.title.partition(",")[0] for box in splits] == ["train", "development", "test"]
    counted = inputs.data["cohort"]["splits"]["test"]
    assert f"{counted['studies']:,} studies" in splits[-1].lines


def test_what_is_missing_is_a_share_of_its_own_split(inputs: ReportInputs) -> None:
    cohort = inputs.data["cohort"]
    rows = dict(missing_by_split(cohort))
    share = cohort["splits"]["test"]["without_indication"] / cohort["splits"]["test"]["studies"]
    assert rows["indication"][-1] == f"20 ({100 * share:.1f} %)"
    assert rows["labels of MIMIC-CXR-JPG"] == ["<5"] * 3
    vitals = {"studies": {"linked": 80}, "sources": {"heart_rate_bpm": {"missing": 20}}}
    assert missing_vital_signs(vitals) == [("heart_rate_bpm", "20 (25.0 %)")]
    assert missing_vital_signs({}) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("F", 168, 0.86, [0.8, 0.89]), row("M", 216, 0.9, [0.88, 0.92])], (0.04, False)),
        ([row("F", 168, 0.8, [0.7, 0.87]), row("M", 216, 0.9, [0.88, 0.92])], (0.1, True)),
        ([row("F", 168, 0.8, None), row("M", 216, 0.9, [0.88, 0.92])], (0.1, None)),
        ([row("F", 168, 0.8, [0.7, 0.9]), row("M", 6, None, None)], (None, None)),
    ],
)
def test_a_gap_is_between_the_best_and_the_worst_group(
    rows: list, expected: tuple[float | None, bool | None]
) -> None:
    sex, race, age, emergency = gaps(rows)
    gap, apart = expected
    assert sex.auroc == (None if gap is None else pytest.approx(gap))
    assert sex.map_ == sex.auroc
    assert sex.apart is apart
    assert sex.groups == f"F 168, M {rows[1][1]['studies']}"
    assert (sex.best, sex.worst) == ((None, None) if gap is None else ("M", "F"))
    assert race.groups == age.groups == emergency.groups == groups_of(rows, "race") == NOT_RECORDED
    assert race.auroc is None


def test_a_training_has_the_settings_of_all_but_for_its_own() -> None:
    own = {"epochs": 1, "batch_size": 8}
    settings = {
        "training": {"batch_size": 16, "weight_decay": 0.0001, "ema_decay": None},
        "noisy_student": {"init": "warm", "teacher": {"epochs": 4}, "student": own},
        "view_finetuning": {"training": {"epochs": 2}},
        "fusion": {"inputs": ["images", "vitals"], "training": {"epochs": 7}},
    }
    assert training_settings(settings) == {
        "batch_size": ["16", "8", "16", "16"],
        "weight_decay": ["0.0001"] * 4,
        "ema_decay": [NONE] * 4,
        "epochs": ["4", "1", "2", "7"],
    }
    assert network_settings(settings) == [
        ("noisy_student.init", "warm"),
        ("fusion.inputs", "images, vitals"),
    ]
    assert training_settings({}) == {}
    assert text_of(value=True) == "yes"


def test_the_kept_epoch_is_the_best_on_development(inputs: ReportInputs) -> None:
    curves = {"gen0": [(0.0, 0.1), (1.0, 0.4), (2.0, 0.4)]}
    sizes = {"gen0": {"parameters": 12345, "epochs": 3}, "gen1": {"parameters": 9, "epochs": 2}}
    found = trained(replace(inputs, sizes=sizes, training={"development_mAP": curves}))
    assert found == [("gen0", ["12,345", "3", "2"]), ("gen1", ["9", "2", "2"])]


def gap_row(value: str, name: str, gap: float, low: float, classes: int) -> dict[str, str]:
    counts = {"studies": "120", "classes": str(classes), "positives": "1500"}
    shares = {"sensitivity": "0.8", "sensitivity_low": "0.7", "sensitivity_high": "0.9"}
    ends = {"gap": str(gap), "gap_low": str(low), "gap_high": "0.3"}
    return {"characteristic": "race", "value": value, "class": name, **counts, **shares, **ends}


def test_gaps_of_sensitivity_are_means_over_the_seeds_that_all_have_them() -> None:
    rows = join_gaps(
        {
            0: [gap_row("white", "macro", 0.1, -0.1, 8), gap_row("black", "macro", -0.1, -0.3, 8)],
            1: [gap_row("white", "macro", 0.2, -0.2, 9)],
        }
    )
    ((name, found),) = rows
    assert name == ("race", "white", "macro")
    assert (found["classes"], found["positives"]) == ("8 to 9", "1,500")
    assert found["gap"] == pytest.approx(0.15)
    assert found["gap_interval"] == pytest.approx([-0.15, 0.3])


def test_races_and_ages_are_counted_by_split_where_a_table_tells_them() -> None:
    by_race = {"train": {"white": 1234, "asian": "not shown"}, "test": {"white": 70}}
    assert further_groups({"by_race": by_race}) == [
        ("race: asian", ["not shown", "0"]),
        ("race: white", ["1,234", "70"]),
    ]
    assert further_groups({}) == []


def test_race_age_and_gaps_of_sensitivity_are_on_page_and_card(inputs: ReportInputs) -> None:
    counted = {split: {"white": 30, "not known": 40} for split in inputs.data["cohort"]["splits"]}
    gaps_of_race = [
        gap_row("white", "macro", 0.123, 0.01, 8),
        gap_row("white", "Edema", 0.456, 0.01, 1),
    ]
    inputs = without_curves(inputs)
    found = replace(
        inputs,
        data={**inputs.data, "by_race": counted},
        gaps=dict.fromkeys(inputs.seeds, gaps_of_race),
    )
    page, card = render_report(found), model_card(found, next(iter(inputs.seeds)))
    assert '<th scope="row">race: white</th><td>30</td><td>30</td><td>30</td>' in page
    for text in (page, card):
        assert "+0.123" in text or "0.123 (0.010 to 0.300)" in text
    assert "Edema</th><td>race: white" in page
    assert "gaps of sensitivity at one threshold: no" not in page.lower()
    without = render_report(replace(inputs, gaps={seed: [] for seed in inputs.seeds}))
    assert "no characteristic has two groups" in without
