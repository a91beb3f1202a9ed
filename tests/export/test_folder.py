"""A model that is handed on: weights, calibration and card in one folder."""

import json
from pathlib import Path

import pytest

from camchex.errors import ModelError
from camchex.export import folder as export_folder
from camchex.export.folder import export_model
from camchex.views.view_classifier import (
    FOLDER,
    beside,
    read_view_classifier,
    write_view_classifier,
)
from tests.prediction.test_unknown_views import write_top_bottom_classifier

MADE_BY = {
    "fusion/seed3/config.json": "train_fusion",
    "fusion/seed3/model.safetensors": "train_fusion",
    "calibration/seed3.json": "evaluate",
    "cards/seed3.md": "report",
}
"""Stage of each file of a model, where the pipeline puts it."""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(export_folder, "write_reference", lambda _: None)  # these are no weights
    for name in MADE_BY:
        path = tmp_path / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"temperature": 1.0, "thresholds": {}, "file": name}))
    return tmp_path / "models"


def test_an_export_holds_weights_calibration_and_card(models: Path) -> None:
    out = models.parent / "handed/on"
    names = export_model(models / "fusion/seed3", out)
    assert sorted(path.name for path in out.iterdir()) == names
    made = {json.loads((out / name).read_text())["file"] for name in names}
    assert made == set(MADE_BY)
    assert json.loads((out / "README.md").read_text())["file"] == "cards/seed3.md"


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


@pytest.mark.parametrize("lost", [name for name in MADE_BY if "safetensors" not in name])
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
