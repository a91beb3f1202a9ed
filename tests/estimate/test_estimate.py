"""camchex estimate: what is counted, what is reckoned, and what a probe says about itself."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from camchex.check.findings import Contents, DataSet, FileFinding, Findings
from camchex.errors import DataError, ParamsError
from camchex.estimate import stage_probe as estimate_probe
from camchex.estimate.estimate import Estimate, estimate, hours, render, stages_of
from camchex.estimate.probe import Timing
from camchex.estimate.sample_counts import SampleCounts, count_samples, counted
from camchex.estimate.stage_probe import Probe, Stage, probe
from camchex.profiles.profiles import Params, locate, validate_file

COUNTS = SampleCounts(
    images=1000,
    studies=600,
    lateral_share=0.25,
    external={"nih": 500, "vindr": 100},
    origins={"mimic": "published"},
)


@pytest.fixture
def demo(tmp_path: Path) -> Params:
    params = validate_file(locate("demo"))
    return params.model_copy(
        update={
            "data": params.data.model_copy(update={"root": tmp_path}),
            "runtime": params.runtime.model_copy(update={"accelerator": "cpu"}),
        }
    )


@pytest.fixture
def paper(demo: Params) -> Params:
    return validate_file(locate("paper")).model_copy(
        update={"data": demo.data, "runtime": demo.runtime}
    )


def found(path: Path, problem: str | None = None, **counts: int) -> FileFinding:
    return FileFinding(path, present=True, problem=problem, contents=Contents(counts))


def findings(root: Path, *files: FileFinding) -> Findings:
    return Findings(root, (DataSet("", "", files),))


def of(params: Params, *files: FileFinding) -> SampleCounts:
    return counted(findings(params.data.root, *files), params.data, params.external, params.labels)


def test_hours_of_a_stage(demo: Params) -> None:
    """3 trainings of 4 epochs of 7,200 samples at 2 a second on each of 3 devices: 4 hours."""
    training = demo.fusion.training.model_copy(update={"epochs": 4})
    assert hours(Stage("fusion", "studies", 3, 7200, training), 2.0, 3) == 4.0


def test_every_training_of_the_pipeline_is_a_stage(paper: Params) -> None:
    planned = [
        (s.name, s.unit, s.trainings, s.samples, s.training.epochs)
        for s in stages_of(paper, COUNTS)
    ]
    assert planned == [
        ("teacher", "images", 1, 1000, 10),
        ("students", "images", 4, 1600, 5),
        ("frontal encoder", "images", 1, 750, 3),
        ("lateral encoder", "images", 1, 250, 3),
        ("fusion", "studies", 3, 600, 10),
    ]


def test_without_data_the_published_counts_stand(paper: Params) -> None:
    counts = count_samples(paper.data, paper.external, paper.labels)
    assert (counts.images, counts.studies) == (264_849, 160_052)
    assert counts.external == {"chexpert": 223_414, "nih": 112_120, "vindr": 15_000}
    assert counts.merged == 264_849 + 223_414 + 112_120 + 15_000
    assert counts.lateral == round(264_849 * 123_246 / (253_714 + 123_246))
    assert counts.frontal + counts.lateral == counts.images
    assert set(counts.origins.values()) == {"published"}


def test_what_is_found_is_counted(demo: Params) -> None:
    root = demo.data.root
    metadata = root / "mimic-cxr-jpg" / "mimic-cxr-2.0.0-metadata.csv.gz"
    train, nih = root / "cxr-lt-2023" / "train.csv", root / "ChestX-ray14/Data_Entry_2017_v2020.csv"
    counts = of(
        demo,
        found(metadata, images=50, studies=40, frontal=30, lateral=20),
        found(train, images=10, studies=8),
        found(nih, images=7),
    )
    assert (counts.images, counts.studies, counts.lateral, counts.external["nih"]) == (10, 8, 4, 7)
    assert counts.origins == {
        "mimic": str(train),
        "views": str(metadata),
        "nih": str(nih),
        "chexpert": "published",
        "vindr": "published",
    }


def test_a_damaged_table_is_not_believed(demo: Params) -> None:
    train = demo.data.root / "cxr-lt-2023" / "train.csv"
    counts = of(demo, found(train, problem="cut short", images=10, studies=8))
    assert (counts.images, counts.origins["mimic"]) == (264_849, "published")


def test_the_official_split_has_studies_in_proportion(demo: Params) -> None:
    labels = demo.labels.model_copy(update={"splits": "official"})
    counts = counted(findings(demo.data.root), demo.data, demo.external, labels)
    assert counts.images == 368_960
    assert abs(counts.studies - 222_758) < 0.002 * 222_758  # as its authors count them


def test_a_split_of_one_s_own_must_be_there(demo: Params) -> None:
    files = demo.data.cxr_lt_files.model_copy(update={"train": "mine.csv"})
    data = demo.data.model_copy(update={"cxr_lt_files": files})
    with pytest.raises(DataError, match=r"mine\.csv: not there or not readable"):
        counted(findings(data.root), data, demo.external, demo.labels)


def test_the_probe_trains_the_demo_s_networks(demo: Params) -> None:
    watched: list[str] = []

    def watch(stages: list[Stage]) -> list[Stage]:
        watched.extend(stage.name for stage in stages)
        return stages

    result = estimate(demo, COUNTS, 1, 0.1, watch)
    assert watched == [stage.stage for stage in result.stages]
    assert result.hours == pytest.approx(sum(stage.hours for stage in result.stages))
    for stage, planned in zip(result.stages, stages_of(demo, COUNTS), strict=True):
        assert stage.hours == pytest.approx(hours(planned, stage.per_second, 1))
        assert stage.probe.image_size == 64
        assert stage.probe.rows == planned.training.batch_size
        assert stage.probe.peak_mb is None or stage.probe.peak_mb > 100
    teacher, students, *_ = result.stages
    assert teacher.probe is students.probe  # the same step is not measured twice


def five_seconds(monkeypatch: pytest.MonkeyPatch, fits: int = 10**6) -> list[tuple[int, int, str]]:
    """Every step takes five seconds, and more than ``fits`` rows do not fit."""
    asked = []

    def timed(
        params: Params, stage: Stage, side: int, seconds: float
    ) -> tuple[Timing, float | None]:
        del params, seconds
        asked.append((stage.training.batch_size, side, stage.training.precision))
        if stage.training.batch_size > fits:
            raise torch.OutOfMemoryError
        return Timing(2, 10.0, warm=True), 3000.0

    monkeypatch.setattr(estimate_probe, "_timed", timed)
    return asked


def test_a_cpu_measures_large_images_small_and_says_so(
    paper: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = five_seconds(monkeypatch)
    result = estimate(paper, COUNTS, 4, 60)
    assert asked == [(1, 512, "bf16-mixed"), (1, 512, "bf16-mixed")]
    assert [stage.per_second for stage in result.stages] == [0.05] * 5  # one in 4 x 5 seconds
    assert result.stages[0].hours == pytest.approx(10 * 1000 / 0.05 / 4 / 3600)
    shown = text(result)
    assert "4 x CPU" in shown
    assert "4 devices are reckoned 4 times as fast as one" in shown
    assert "at 512 px instead of 1024" in shown
    assert "smaller than those of the configuration: 1, 1 per step" in shown
    assert "In the place of dmis-lab/biobert-v1.1: a random BERT of base size" in shown
    assert "Samples from: mimic: published" in shown


def test_half_precision_is_measured_in_single_on_a_cpu(
    paper: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = five_seconds(monkeypatch)
    training = paper.fusion.training.model_copy(update={"precision": "16-mixed"})
    stage = Stage("fusion", "studies", 1, 10, training)
    assert probe(paper, stage, 16, 1.0).precision == "32-true"
    assert asked == [(1, 512, "32-true")]


def test_a_batch_that_does_not_fit_is_halved(demo: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = five_seconds(monkeypatch, fits=9)
    stage = Stage("teacher", "images", 1, 10, demo.noisy_student.teacher)
    assert probe(demo, stage, 32, 1.0).rows == 8
    assert [rows for rows, *_ in asked] == [32, 16, 8]


def test_not_even_one_image_fits(demo: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    five_seconds(monkeypatch, fits=0)
    stage = Stage("teacher", "images", 1, 10, demo.noisy_student.teacher)
    with pytest.raises(ParamsError, match=r"images\.size: CPU .* not even one of the images of 64"):
        probe(demo, stage, 32, 1.0)


def test_a_first_step_that_had_to_do_is_owned_up_to(
    demo: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate_probe, "_timed", lambda *_: (Timing(1, 9.0, warm=False), None))
    assert "A first step alone" in text(estimate(demo, COUNTS, 1, 1))


def text(result: Estimate) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(render(result))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_has_every_stage_and_the_sum(
    demo: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    five_seconds(monkeypatch)
    result = estimate(demo, COUNTS, 1, 1)
    stages = tuple(replace(stage, hours=250.0) for stage in result.stages)
    lines = text(replace(result, stages=stages)).splitlines()
    assert lines[1].split() == [
        "teacher",
        "1",
        "1,000",
        "images",
        "5",
        "3.2/s",
        "3.0",
        "GB",
        "250",
    ]
    assert lines[6].split() == ["all", "1,250"]


def test_json_for_other_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from camchex.cli import app as cli

    five_seconds(monkeypatch)
    monkeypatch.setattr(
        "sys.argv", ["camchex", "estimate", "--profile", "demo", "--devices", "2", "--json"]
    )
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    shown = json.loads(capsys.readouterr().out)
    assert shown["devices"] == 2
    assert shown["hours"] == pytest.approx(sum(stage["hours"] for stage in shown["stages"]))
    assert Probe(**shown["stages"][0]["probe"]).peak_mb == 3000.0
