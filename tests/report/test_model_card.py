"""The card of a model: metadata that the Hub reads, and the numbers of the metrics."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from camchex.errors import ModelError
from camchex.prediction.export import export_model
from camchex.report.model_card import CardFacts, model_card
from camchex.report.provenance import Provenance

SCORES = {
    "mAP": 0.41,
    "AUROC": 0.79,
    "mAP_interval": [0.38, 0.45],
    "AUROC_interval": [0.75, 0.82],
    "groups": {
        "percent": {"head": {"mAP": 0.6, "mAP_interval": [0.5, 0.7]}, "tail": {"mAP": None}}
    },
}
SPREAD = {"mAP": {"mean": 0.4, "sd": 0.013}, "AUROC": {"mean": 0.78, "sd": None}}
FACTS = CardFacts(
    seed=3,
    results={
        "studies": 4000,
        "images": 6570,
        "mean_prevalence": 0.107,
        "study": SCORES,
        "image": {**SCORES, "mAP": 0.43},
        "per_class": {
            "Edema": {
                "positives": 62,
                "prevalence": 0.155,
                "AP": 0.8,
                "AUROC": 0.9,
                "AP_interval": [0.7, 0.9],
                "AUROC_interval": [0.85, 0.95],
            },
            "Hernia": {"positives": "<5", "prevalence": None, "AP": None, "AUROC": None},
        },
    },
    calibration={
        "ECE": 0.35,
        "ECE_scaled": 0.29,
        "Brier": 0.19,
        "Brier_scaled": 0.17,
        "temperature": 0.4,
    },
    summary={"data": "synthetic", "seeds": [3], "study": SPREAD, "image": SPREAD},
    audit={
        "leak": {"found": None},
        "texts": {
            "surviving": {
                "gain": 0.052,
                "gain_interval": [0.031, 0.073],
                "share": 0.895,
                "share_interval": [0.761, 0.988],
            }
        },
    },
    cohort={
        "splits": {
            "test": {
                "studies": 4000,
                "patients": 2410,
                "without_indication": "<5",
                "outside_ed_stay": 161,
            }
        }
    },
    labels="cxr-lt-2023",
    level=0.95,
    provenance=Provenance({"parameters": "abc", "python": "3.11"}, "demo", (), {3: "cc.dir"}),
)
REAL = replace(FACTS, summary={**FACTS.summary, "data": "real"})


def test_the_hub_reads_the_metadata_and_finds_the_scores() -> None:
    data = ModelCard(model_card(FACTS)).data
    assert (data.library_name, data.language) == ("camchex", "en")
    assert {"synthetic-data", "not-a-medical-device"} <= set(data.tags)
    found = {(r.metric_name, r.metric_type): r.metric_value for r in data.eval_results}
    assert found == {
        ("mean average precision per study", "mean_average_precision"): 0.41,
        ("macro AUROC per study", "roc_auc"): 0.79,
        ("mean average precision per image", "mean_average_precision"): 0.43,
        ("macro AUROC per image", "roc_auc"): 0.79,
    }
    assert {r.dataset_type for r in data.eval_results} == {"synthetic"}


def test_the_card_says_what_it_must() -> None:
    text = model_card(FACTS)
    assert "not a medical device" in text
    assert "say nothing about real X-rays" in text
    for heading in ("Intended use", "Data", "Scores (synthetic cohort)", "Limits", "Provenance"):
        assert f"## {heading}\n" in text
    assert "| mean average precision, per study | 0.410 (0.380 to 0.450) | 0.013 | 0.107 |" in text
    assert "| Edema | 62 | 0.155 | 0.800 (0.700 to 0.900) | 0.900 (0.850 to 0.950) |" in text
    assert "| test | 4,000 | 2,410 | <5 | 161 |" in text
    assert "A share of 0.895 (0.761 to 0.988) of it is not owed" in text
    assert "`cc.dir`" in text


def test_a_small_class_has_no_score_and_is_named() -> None:
    text = model_card(FACTS)
    assert "| Hernia | <5 | not shown | not shown | not shown |" in text
    assert "Too few studies to show a score: Hernia." in text


def test_a_model_of_real_patients_is_not_called_synthetic_and_has_no_open_licence() -> None:
    text = model_card(REAL)
    data = ModelCard(text).data
    assert "synthetic" not in text.lower()
    assert "MIMIC-CXR-JPG" in text
    assert (data.license, data.license_name) == ("other", "that-of-the-data-it-was-trained-on")


def test_tables_have_as_many_cells_as_their_header() -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", model_card(FACTS), re.MULTILINE)
    assert len(blocks) == 4
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Model, calibration and card where the pipeline puts them."""
    files = {
        "fusion/seed3/config.json": "{}",
        "fusion/seed3/model.safetensors": "weights",
        "calibration/seed3.json": json.dumps({"temperature": 1.0, "thresholds": {}}),
        "cards/seed3.md": model_card(FACTS),
    }
    for name, content in files.items():
        path = tmp_path / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "models"


def test_an_export_holds_weights_calibration_and_card(models: Path) -> None:
    out = models.parent / "handed/on"
    names = export_model(models / "fusion/seed3", out)
    assert names == ["README.md", "calibration.json", "config.json", "model.safetensors"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert ModelCard.load(out / "README.md").data.model_name == "camchex-seed3"
    assert (out / "model.safetensors").read_text() == "weights"


@pytest.mark.parametrize(
    ("lost", "maker"),
    [
        ("fusion/seed3/config.json", "train_fusion"),
        ("calibration/seed3.json", "evaluate"),
        ("cards/seed3.md", "report"),
    ],
)
def test_what_an_export_lacks_is_named_with_what_makes_it(
    models: Path, lost: str, maker: str
) -> None:
    (models / lost).unlink()
    with pytest.raises(ModelError, match=f"no such file. `dvc repro {maker}` makes it"):
        export_model(models / "fusion/seed3", models.parent / "out")
    assert not (models.parent / "out").exists()


def test_an_export_overwrites_nothing(models: Path) -> None:
    out = models.parent / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ModelError, match="not an empty folder"):
        export_model(models / "fusion/seed3", out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
