"""Many studies give the numbers of one, and what goes wrong with one is told of it alone."""

import csv
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from camchex.errors import DataError, ModelError
from camchex.fusion.camchex import CaMChex
from camchex.many_studies import predict_studies as running
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.calibrated import calibrate, majority
from camchex.many_studies.ensemble import Ensemble, Member, load_ensemble
from camchex.many_studies.predict_studies import predict_rows, predict_studies
from camchex.many_studies.reading import ReadStudy, read_in_processes, read_study
from camchex.many_studies.results import STUDY, schema
from camchex.prediction.one_study import StudyInput, predict_study
from camchex.runs import processes
from camchex.scores.calibration_file import Calibration, Platt
from tests.here import Here
from tests.images.files import encoded, picture, saved
from tests.networks.small import CLASSES, camchex


def xray(path: Path, seed: int) -> Path:
    return saved(path, encoded(Image.fromarray(picture(seed=seed)), "PNG"))


@pytest.fixture
def studies(tmp_path: Path) -> list[AskedStudy]:
    """Five studies of one to three images, some without texts."""
    found = []
    for number in range(5):
        views = ("frontal", "lateral", "frontal")[: 1 + number % 3]
        images = tuple(
            AskedImage(xray(tmp_path / f"{number}_{place}.png", 10 * number + place), view)
            for place, view in enumerate(views)
        )
        text = "chest pain after a fall from a ladder ." if number % 2 else None
        vitals = {"temperature_f": 98.6, "heart_rate_bpm": 80.0} if number > 2 else {}
        gender = "F" if number == 4 else None
        found.append(AskedStudy(f"s{number}", number + 1, images, text, vitals, gender))
    return found


def ensemble(*models: CaMChex) -> Ensemble:
    members = [
        Member(Path(f"seed{n}"), model, None, f"{n}" * 64, None) for n, model in enumerate(models)
    ]
    return Ensemble(tuple(members))


def alone(model: CaMChex, study: AskedStudy) -> list[float]:
    images = [(image.path, image.view) for image in study.images if image.view]
    given = StudyInput(images, study.indication, study.vitals, study.gender)
    return list(predict_study(model, given).values())


@pytest.mark.parametrize(
    "changes", [{}, {"max_images": 2, "beyond_max_images": "average"}, {"max_images": 2}]
)
def test_many_studies_give_the_numbers_of_one(
    studies: list[AskedStudy], changes: dict[str, object]
) -> None:
    model = camchex(**changes)
    many = ensemble(model)
    rows = predict_rows(many, [read_study(study, many.how) for study in studies])
    for row, study in zip(rows, studies, strict=True):
        assert row["status"] == "predicted"
        assert [row[name] for name in CLASSES] == pytest.approx(alone(model, study), abs=1e-6)


def test_several_models_give_their_mean_and_their_range(studies: list[AskedStudy]) -> None:
    models = [camchex(), camchex(regions=4)]
    many = ensemble(*models)
    (row,) = predict_rows(many, [read_study(studies[1], many.how)])
    both = [alone(model, studies[1]) for model in models]
    for name, values in zip(CLASSES, zip(*both, strict=True), strict=True):
        assert row[name] == pytest.approx(sum(values) / 2, abs=1e-6)
        assert row[f"{name}.lowest"] == pytest.approx(min(values), abs=1e-6)
        assert row[f"{name}.highest"] == pytest.approx(max(values), abs=1e-6)


def faulty(studies: list[AskedStudy], folder: Path) -> list[AskedStudy]:
    """One more study for each way in which one cannot be predicted."""
    text = folder / "text.png"
    text.write_text("no image")
    blank = saved(folder / "blank.png", encoded(Image.new("L", (64, 64), 7), "PNG"))
    good = studies[0].images[0]
    more = [
        ("no image", ()),
        ("lost", (AskedImage(folder / "nowhere.png", "frontal"),)),
        ("text", (good, AskedImage(text, "lateral"))),
        ("blank", (AskedImage(blank, "frontal"),)),
        ("twice", (good, good)),
        ("unknown", (AskedImage(good.path),)),
    ]
    found = [*studies]
    for name, images in more:
        found.append(AskedStudy(name, len(found) + 1, images))
    return [*found, AskedStudy("row", len(found) + 1, problem="column 'gender': 'x'")]


EXPECTED = {
    "no image": ("refused", "not enough to go on: no image"),
    "lost": ("set aside", "no such file"),
    "text": ("set aside", "not a JPEG, PNG or DICOM file"),
    "blank": ("refused", "not enough to go on: .*no contrast"),
    "twice": ("set aside", "given twice"),
    "unknown": ("set aside", "no view is given"),
    "row": ("set aside", "column 'gender': 'x'"),
}


def test_a_study_that_cannot_be_predicted_says_why_and_stops_no_other(
    studies: list[AskedStudy], tmp_path: Path
) -> None:
    asked, out = faulty(studies, tmp_path), tmp_path / "out.parquet"
    found = predict_studies(ensemble(camchex()), lambda: iter(asked), len(asked), out)
    assert found.counts == {"predicted": 5, "refused": 2, "set aside": 5}
    assert not found.is_whole
    rows = {row["study_id"]: row for row in pq.read_table(out).to_pylist()}
    assert list(rows) == [study.study_id for study in asked]
    for name, (status, reason) in EXPECTED.items():
        assert rows[name]["status"] == status
        assert re.search(reason, rows[name]["reason"])
        assert [rows[name][finding] for finding in CLASSES] == [None] * len(CLASSES)
    assert all(0 < rows[f"s{number}"][CLASSES[0]] < 1 for number in range(5))
    assert rows["s0"]["reason"] is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("caf\udce9.png", "caf\\udce9.png: cannot be opened: its name is not UTF-8"),
        ("a\0.png", "cannot be opened: embedded null byte"),
        ("loop.png", "cannot be opened: Symlink loop"),
    ],
)
def test_a_file_of_an_impossible_name_stops_no_other_study(
    name: str, said: str, studies: list[AskedStudy], tmp_path: Path
) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    strange = AskedImage(tmp_path / name, "frontal")
    both = [replace(studies[0], images=(strange,)), studies[1]]
    out = tmp_path / "out.parquet"
    predict_studies(ensemble(camchex()), lambda: iter(both), 2, out)
    first, second = pq.read_table(out).to_pylist()
    assert (first["status"], second["status"]) == ("set aside", "predicted")
    assert said in first["reason"]


def test_a_result_says_what_it_is_made_from(studies: list[AskedStudy]) -> None:
    many = ensemble(camchex())
    (row,) = predict_rows(many, [read_study(studies[3], many.how)])
    missing = ["lateral", "respiratory_rate_bpm", "o2_saturation_pct", "systolic_bp_mmhg"]
    assert row["missing"] == [*missing, "diastolic_bp_mmhg", "gender"]
    digest = hashlib.sha256(studies[3].images[0].path.read_bytes()).hexdigest()
    assert row["image_sha256"] == [digest]
    assert row["models"] == ["seed0:0000000000000000"]
    assert row["calibrations"] == ["none"]
    assert row["versions"].startswith("camchex ")
    others = [
        replace(studies[3], indication="fever"),
        replace(studies[3], gender="M"),
        replace(studies[3], images=(studies[3].images[0]._replace(view="lateral"),)),
        replace(studies[3], images=(studies[4].images[0],)),
    ]
    digests = {read_study(study, many.how).digest() for study in [studies[3], *others]}
    assert len(digests) == 5


def test_every_format_holds_the_same(studies: list[AskedStudy], tmp_path: Path) -> None:
    many, asked = ensemble(camchex()), faulty(studies, tmp_path)
    for kind in ("parquet", "jsonl", "csv"):
        predict_studies(many, lambda: iter(asked), len(asked), tmp_path / f"out.{kind}")
    expected = pq.read_table(tmp_path / "out.parquet").to_pylist()
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == expected
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    for row, other in zip(rows, expected, strict=True):
        for name, value in other.items():
            text = "; ".join(value) if isinstance(value, list) else value
            cell = row[name]
            assert float(cell) == value if isinstance(value, float) else cell == str(text or "")
    about = json.loads((tmp_path / "out.csv.about.json").read_text())
    assert about["studies"] == {"predicted": 5, "refused": 2, "set aside": 5}


def test_a_run_that_was_stopped_goes_on_and_gives_the_same(
    studies: list[AskedStudy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CHUNK", 2)
    many, whole, out = ensemble(camchex()), tmp_path / "whole.parquet", tmp_path / "out.parquet"
    predict_studies(many, lambda: iter(studies), 5, whole)
    read: list[str] = []
    calls = Ensemble.predict

    def stopped(self: Ensemble, batch: list[ReadStudy]) -> list[object]:
        read.extend(study.asked.study_id for study in batch)
        if "s2" in read and len(read) < 5:
            raise KeyboardInterrupt
        return calls(self, batch)

    monkeypatch.setattr(Ensemble, "predict", stopped)
    with pytest.raises(KeyboardInterrupt):
        predict_studies(many, lambda: iter(studies), 5, out)
    assert not out.exists()
    found = predict_studies(many, lambda: iter(studies), 5, out)
    assert found.kept == 2
    assert read == ["s0", "s1", "s2", "s3", "s2", "s3", "s4"]
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert [path.name for path in (tmp_path / ".camchex").iterdir() if path.is_dir()] == []


def test_a_run_that_was_stopped_while_it_wrote_formats_goes_on(
    studies: list[AskedStudy], tmp_path: Path
) -> None:
    many, out, seen = ensemble(camchex()), tmp_path / "out.csv", []

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_studies(many, lambda: iter(studies), 5, out, write_more=stop)
    assert not out.exists()
    found = predict_studies(
        many, lambda: iter(studies), 5, out, write_more=lambda rows: seen.extend([*rows(), *rows()])
    )
    assert found.kept == 5
    assert [row["study_id"] for row in seen] == 2 * [study.study_id for study in studies]


def test_a_part_of_an_image_that_changed_is_not_kept(studies: list[AskedStudy]) -> None:
    before = running._digest(studies)
    assert running._digest(studies) == before
    xray(studies[2].images[0].path, 99)
    assert running._digest(studies) != before
    assert running._digest([replace(studies[0], gender="M"), *studies[1:]]) != before


def test_results_are_never_written_over(studies: list[AskedStudy], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    with pytest.raises(DataError, match="is there already"):
        predict_studies(ensemble(camchex()), lambda: iter(studies), 5, out)
    assert out.read_text() == "mine"
    for name, said in (
        ("out.xlsx", r"ends in \.csv"),
        ("link.csv", "is there already"),
        ("o\udcff.csv", r"o\\udcff\.csv: its name is not UTF-8"),
    ):
        (tmp_path / "link.csv").unlink(missing_ok=True)
        (tmp_path / "link.csv").symlink_to("nowhere.csv")
        with pytest.raises(DataError, match=said):
            predict_studies(ensemble(camchex()), lambda: iter(studies), 5, tmp_path / name)


def test_where_results_are_what_holds_for_them_is_there_too(
    studies: list[AskedStudy], tmp_path: Path
) -> None:
    many, out = ensemble(camchex()), tmp_path / "out.csv"
    (tmp_path / "out.csv.about.json").mkdir()
    with pytest.raises(OSError, match="about"):
        predict_studies(many, lambda: iter(studies), 5, out)
    assert not out.exists()


def test_processes_read_what_one_process_reads(
    studies: list[AskedStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as it is sent to them and back; ``tests/runs`` has processes."""
    monkeypatch.setattr(processes, "ProcessPoolExecutor", Here)
    how = ensemble(camchex()).how
    one, two = (
        [*read_in_processes([studies[:3], studies[3:]], how, workers)] for workers in (0, 1)
    )
    assert [[s.jpegs for s in part] for part in one] == [[s.jpegs for s in part] for part in two]


def test_models_that_read_otherwise_are_refused_together(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, changes in zip(folders, ({}, {"max_images": 2}, {"regions": 4}), strict=True):
        camchex(**changes).save_pretrained(folder)
    with pytest.raises(ModelError, match=r"differ in fusion\.max_images"):
        load_ensemble(folders[:2])
    with pytest.raises(ModelError, match="given twice"):
        load_ensemble([folders[0], tmp_path / "b/../a"])
    with pytest.raises(ModelError, match="--calibration is of one model"):
        load_ensemble([folders[0], folders[2]], tmp_path / "calibration.json")
    found = load_ensemble([folders[0], folders[2]])
    assert len({member.digest for member in found.members}) == 2


def test_a_majority_decides_and_a_tie_does_not() -> None:
    assert majority([True, True, False]) is True
    assert majority([False, False, True]) is False
    assert majority([True, False]) is None
    assert majority([True, None, True]) is None


def test_without_a_calibration_nothing_is_decided() -> None:
    found = calibrate(None, {"Edema": 0.3})
    assert found.probabilities == {"Edema": 0.3}
    assert set(found.decisions["Edema"].values()) == {None}


def test_the_page_describes_every_column_of_the_results() -> None:
    page = (Path(__file__).parents[2] / "docs" / "many_studies.md").read_text()
    for field in STUDY:
        assert f"| `{field.name}` | {field.metadata[b'meaning'].decode()} |" in page
    for column in schema(["F"], 2).names[len(STUDY) :]:
        assert f"| `{column.replace('F', '<finding>', 1)}` |" in page


def test_probabilities_and_decisions_are_those_of_the_calibration() -> None:
    thresholds = {
        "Edema": {"max_f1": 0.3, "specificity_90": 0.4},
        "Mass": {"max_f1": None, "specificity_90": 0.5},
    }
    lines = {name: Platt(intercept=0, slope=0.5) for name in thresholds}
    fitted = Calibration(classes=lines, temperature=2, thresholds=thresholds)
    found = calibrate(fitted, {"Edema": 0.25, "Mass": 0.75})
    assert found.probabilities["Edema"] == pytest.approx(1 / (1 + 3**0.5))  # odds 1 to 3
    assert found.decisions["Edema"] == {"max_f1": True, "specificity_90": False}
    assert found.decisions["Mass"] == {"max_f1": None, "specificity_90": True}


@pytest.mark.parametrize("classes", [("Edema", "Edema"), ("row",), ("Edema", "Edema.max_f1")])
def test_classes_that_would_share_a_column_are_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=f"several columns '{classes[-1]}'"):
        schema(classes, 1)
