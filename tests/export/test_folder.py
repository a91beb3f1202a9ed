"""A model that is handed on: weights, calibration and card in one folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from camchex.errors import CamchexError, ModelError
from camchex.export import folder as export_folder
from camchex.export.folder import export_model
from camchex.scores.calibration_file import Calibration, Platt, write_calibration
from camchex.views.view_classifier import (
    FOLDER,
    beside,
    read_view_classifier,
    write_view_classifier,
)
from tests.networks.small import CLASSES, camchex
from tests.prediction.test_unknown_views import write_top_bottom_classifier

MADE_BY = {
    "fusion/seed3/config.json": "train_fusion",
    "calibration/seed3.json": "evaluate",
    "cards/seed3.md": "report",
}
"""Stage of each file of a model, where the pipeline puts it."""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(export_folder, "write_reference", lambda _: None)  # takes long
    folder = tmp_path / "models"
    camchex().save_pretrained(folder / "fusion/seed3")
    lines = dict.fromkeys(CLASSES, Platt(intercept=0.0, slope=1.0))
    thresholds = {name: {"max_f1": 0.5} for name in CLASSES}
    fitted = Calibration(classes=lines, thresholds=thresholds, temperature=1.0)
    write_calibration(fitted, folder / "calibration/seed3.json")
    (folder / "cards").mkdir()
    (folder / "cards/seed3.md").write_text("card")
    return folder


def test_an_export_holds_weights_calibration_and_card(models: Path) -> None:
    out = models.parent / "handed/on"
    names = export_model(models / "fusion/seed3", out)
    assert sorted(path.name for path in out.iterdir()) == names
    where = {
        **{path.name: path for path in (models / "fusion/seed3").iterdir()},
        "calibration.json": models / "calibration/seed3.json",
        "README.md": models / "cards/seed3.md",
    }
    assert {name: (out / name).read_bytes() for name in names} == {
        name: path.read_bytes() for name, path in where.items()
    }


def test_what_else_lies_beside_a_model_is_not_handed_on(models: Path) -> None:
    folder = models / "fusion/seed3"
    (folder / "patients.csv").write_text("a patient")
    (folder / "logs").mkdir()
    (folder / "lost").symlink_to("nowhere")
    (folder / "elsewhere").symlink_to(models.parent)
    names = export_model(folder, models.parent / "out")
    known = {"README.md", "calibration.json", "config.json", "model.safetensors", "tokenizer.json"}
    assert {*names} == known


def _without_a_class(text: str) -> str:
    return text.replace("Mass", "Nodule")


def _cut(text: str) -> str:
    return text[:10]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("fusion/seed3/tokenizer.json", _cut, "seed3/tokenizer.json: not a tokenizer"),
        ("fusion/seed3/config.json", _cut, "seed3/config.json"),
        ("calibration/seed3.json", _cut, "seed3.json: not a calibration"),
        ("calibration/seed3.json", _without_a_class, "nothing was fitted for Mass"),
    ],
)
def test_what_is_damaged_is_named_and_nothing_is_exported(
    models: Path, name: str, damage: Callable[[str], str], said: str
) -> None:
    path = models / name
    path.write_text(damage(path.read_text()))
    with pytest.raises(CamchexError, match=said):
        export_model(models / "fusion/seed3", models.parent / "out")
    assert not (models.parent / "out").exists()


def test_an_export_that_fails_can_be_tried_again(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    out = models.parent / "out"
    with monkeypatch.context() as once:
        once.setattr(export_folder, "write_reference", full)
        with pytest.raises(OSError, match="No space"):
            export_model(models / "fusion/seed3", out)
    assert not out.exists()
    assert export_model(models / "fusion/seed3", out)


def test_a_view_classifier_is_handed_on_if_there_is_one(models: Path) -> None:
    write_view_classifier(None, models / FOLDER)
    assert FOLDER not in export_model(models / "fusion/seed3", models.parent / "without")
    write_top_bottom_classifier(models / "fusion/seed3")
    out = models.parent / "with"
    assert FOLDER in export_model(models / "fusion/seed3", out)
    assert beside(out) == out / FOLDER
    assert read_view_classifier(out / FOLDER) is not None


def test_an_export_can_be_exported_again(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_folder, "write_reference", lambda out: (out / "reference").mkdir())
    write_top_bottom_classifier(models / "fusion/seed3")
    first, second = models.parent / "first", models.parent / "second"
    assert export_model(models / "fusion/seed3", first) == export_model(first, second)
    for path in first.glob("*.*"):
        assert path.read_bytes() == (second / path.name).read_bytes()


@pytest.mark.parametrize("lost", MADE_BY)
def test_what_an_export_lacks_is_named_with_what_makes_it(models: Path, lost: str) -> None:
    (models / lost).unlink()
    with pytest.raises(ModelError, match=f"no such file. `dvc repro {MADE_BY[lost]}` makes it"):
        export_model(models / "fusion/seed3", models.parent / "out")
    assert not (models.parent / "out").exists()


def test_an_export_overwrites_nothing(models: Path) -> None:
    out = models.parent / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ModelError, match="not an empty folder"):
        export_model(models / "fusion/seed3", out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    (models.parent / "link").symlink_to("nowhere")
    with pytest.raises(ModelError, match="not an empty folder"):
        export_model(models / "fusion/seed3", models.parent / "link")
