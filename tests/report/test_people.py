"""Participants, gaps between groups, and trainings: what was counted, and nothing else."""

from dataclasses import replace

import pytest

from camchex.report.facts.people import (
    NOT_RECORDED,
    flow_of_studies,
    gaps,
    groups_of,
    missing_by_split,
    missing_vital_signs,
    shares,
    text_of,
)
from camchex.report.facts.trainings import network_settings, trained, training_settings
from camchex.report.inputs import ReportInputs
from camchex.report.render import NONE


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
    sex, race, emergency = gaps(rows)
    gap, apart = expected
    assert sex.auroc == (None if gap is None else pytest.approx(gap))
    assert sex.map_ == sex.auroc
    assert sex.apart is apart
    assert sex.groups == f"F 168, M {rows[1][1]['studies']}"
    assert (sex.best, sex.worst) == ((None, None) if gap is None else ("M", "F"))
    assert race.groups == emergency.groups == groups_of(rows, "race") == NOT_RECORDED
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
