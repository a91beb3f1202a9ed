"""camchex estimate: the samples counted, the hours reckoned, and the notes beside them."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from camchex.check.checked import CheckedData, CheckedDataSet, CheckedFile, TableCounts
from camchex.errors import DataError
from camchex.estimate.probe import Probe, Stage, affordable, halve_until_it_fits
from camchex.estimate.sample_counts import SampleCounts, count_samples
from camchex.estimate.training_time import PipelineTime, planned_trainings, render, training_time
from camchex.profiles.profiles import Params, locate, validate_file

COUNTS = SampleCounts(
    images=1000,
    studies=600,
    lateral=250,
    external={"nih": 500, "vindr": 100},
    origins={"mimic": "published"},
)

MEASURED = Probe(
    per_second=2.0, rows=32, image_size=64, peak_mb=3000.0, steps=2, warm=True, precision="32-true"
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


def found(path: Path, problem: str | None = None, **counts: int) -> CheckedFile:
    return CheckedFile(path, present=True, problem=problem, table=TableCounts(counts))


def checked(root: Path, *files: CheckedFile) -> CheckedData:
    return CheckedData(root, (CheckedDataSet("", "", files),))


def of(params: Params, *files: CheckedFile) -> SampleCounts:
    seen = checked(params.data.root, *files)
    return count_samples(seen, params.data, params.external, params.labels)


def test_hours_of_a_stage(demo: Params) -> None:
    """3 trainings of 4 epochs of 7,200 samples at 2 a second on each of 3 devices: 4 hours."""
    training = demo.fusion.training.model_copy(update={"epochs": 4})
    params = demo.model_copy(
        update={"fusion": demo.fusion.model_copy(update={"training": training}), "seeds": [0, 1, 2]}
    )
    counts = replace(COUNTS, studies=7200)
    assert training_time(params, counts, 3, [MEASURED] * 5).stages[-1].hours == 4.0


def test_every_training_of_the_pipeline_is_a_stage(paper: Params) -> None:
    planned = [
        (s.name, s.unit, s.trainings, s.samples, s.training.epochs)
        for s in planned_trainings(paper, COUNTS)
    ]
    assert planned == [
        ("teacher", "images", 1, 1000, 10),
        ("students", "images", 4, 1600, 5),
        ("frontal encoder", "images", 1, 750, 3),
        ("lateral encoder", "images", 1, 250, 3),
        ("fusion", "studies", 3, 600, 10),
    ]


def test_without_data_the_published_counts_stand(paper: Params) -> None:
    counts = of(paper)
    assert (counts.images, counts.studies) == (264_849, 160_052)
    assert counts.external == {"chexpert": 223_414, "nih": 112_120, "vindr": 15_000}
    assert counts.lateral == round(264_849 * 123_246 / (253_714 + 123_246))
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
    counts = count_samples(checked(demo.data.root), demo.data, demo.external, labels)
    assert counts.images == 368_960
    assert abs(counts.studies - 222_758) < 0.002 * 222_758  # as its authors count them


def test_a_split_of_one_s_own_must_be_there(demo: Params) -> None:
    files = demo.data.cxr_lt_files.model_copy(update={"train": "mine.csv"})
    data = demo.data.model_copy(update={"cxr_lt_files": files})
    with pytest.raises(DataError, match=r"mine\.csv"):
        count_samples(checked(data.root), data, demo.external, demo.labels)


def test_a_cpu_measures_large_images_small_in_small_batches(paper: Params) -> None:
    teacher, *_, fusion = planned_trainings(paper, COUNTS)
    cpu = torch.device("cpu")
    assert affordable(paper, teacher, 4, cpu) == (512, 1, "bf16-mixed")
    assert affordable(paper, fusion, 4, cpu) == (512, 1, "bf16-mixed")
    assert affordable(paper, fusion, 4, torch.device("cuda")) == (1024, 4, "bf16-mixed")


def test_half_precision_is_measured_in_single_on_a_cpu(paper: Params) -> None:
    training = paper.fusion.training.model_copy(update={"precision": "16-mixed"})
    stage = Stage("fusion", "studies", 1, 10, training)
    assert affordable(paper, stage, 16, torch.device("cpu"))[2] == "32-true"
    assert affordable(paper, stage, 16, torch.device("cuda"))[2] == "16-mixed"


@pytest.mark.parametrize(
    ("fits", "found"), [(9, (8, 80)), (32, (32, 320)), (1, (1, 10)), (0, None)]
)
def test_a_batch_that_does_not_fit_is_halved(fits: int, found: tuple[int, int] | None) -> None:
    def attempt(rows: int) -> int:
        if rows > fits:
            raise torch.OutOfMemoryError
        return 10 * rows

    assert halve_until_it_fits(32, attempt) == found


def notes(params: Params, devices: int, **measured: object) -> str:
    return " ".join(
        training_time(params, COUNTS, devices, [replace(MEASURED, **measured)] * 5).notes
    )


def test_what_a_measurement_leaves_out_is_noted(demo: Params, paper: Params) -> None:
    plain = notes(demo, 1, rows=demo.fusion.training.batch_size)
    found = {
        "4 devices": notes(demo, 4),
        "512 px instead of 1024": notes(paper, 1, image_size=512, precision="bf16-mixed"),
        "smaller than those of the configuration: 3": notes(demo, 1, rows=3),
        "32-true": notes(paper, 1),
        "biobert-v1.1": notes(paper, 1),
        "warm-up": notes(demo, 1, warm=False),
    }
    assert all(what in text and what not in plain for what, text in found.items())


def text(result: PipelineTime) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(render(result))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_has_every_stage_and_the_sum(demo: Params) -> None:
    result = training_time(demo, COUNTS, 1, [MEASURED] * 5)
    stages = tuple(replace(stage, hours=250.0) for stage in result.stages)
    lines = text(replace(result, stages=stages, hours=1250.0)).splitlines()
    first = ["teacher", "1", "1,000", "images", "4", "2/s", "3.0", "GB", "250"]
    assert lines[1].split() == first
    assert lines[6].split() == ["all", "1,250"]


@pytest.mark.slow
def test_the_command_measures_the_trainings_of_a_profile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from camchex.cli import app as cli

    profile = tmp_path / "demo.yaml"
    text = locate("demo").read_text()
    profile.write_text(text.replace("accelerator: auto", "accelerator: cpu"))
    arguments = f"estimate --profile {profile} --devices 2 --seconds 1 --json"
    monkeypatch.setattr("sys.argv", ["camchex", *arguments.split()])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    shown = json.loads(capsys.readouterr().out)
    assert shown["devices"] == 2
    assert shown["hours"] == pytest.approx(sum(stage["hours"] for stage in shown["stages"]))
    probes = {stage["stage"]: Probe(**stage["probe"]) for stage in shown["stages"]}
    demo = validate_file(profile)
    for planned in planned_trainings(demo, COUNTS):
        found = probes[planned.name]
        assert found.image_size == 64
        assert found.rows == planned.rows(2)
        assert found.per_second > 0
        assert found.peak_mb is None or found.peak_mb > 100
    assert probes["teacher"] == probes["students"]  # the same step is not measured twice
