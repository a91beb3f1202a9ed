"""The card of a model: metadata that the Hub reads, and the numbers that the stages measured."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from camchex.report.inputs import ReportInputs
from camchex.report.model_card import model_card
from tests.report.workspace import ABSENT, RARE, SHOWN, workspace_inputs

SEED = 1


@pytest.fixture(scope="module")
def text(inputs: ReportInputs) -> str:
    return model_card(inputs, SEED)


@pytest.fixture(scope="module")
def metrics(made: Path) -> dict[str, dict]:
    return json.loads((made / f"metrics/seeds/seed{SEED}.json").read_text())


def rows(text: str, first: str) -> dict[str, list[str]]:
    """Cells by the name of the row, of the table whose header begins with a cell."""
    (table,) = re.findall(rf"^\| {first} \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    cells = [line.strip("| \n").split(" | ") for line in table.splitlines()]
    return {name: values for name, *values in cells}


def bounded(scores: dict, key: str) -> str:
    low, high = scores[f"{key}_interval"]
    return f"{scores[key]:.3f} ({low:.3f} to {high:.3f})"


def test_the_hub_reads_the_metadata_and_finds_the_scores(text: str, metrics: dict) -> None:
    data = ModelCard(text).data
    assert (data.library_name, data.model_name) == ("camchex", f"camchex-seed{SEED}")
    assert {"synthetic-data", "not-a-medical-device"} <= set(data.tags)
    found = {(r.metric_name, r.metric_type): r.metric_value for r in data.eval_results}
    assert found == {
        (f"{name} per {level}", kind): metrics[level][score]
        for level in ("study", "image")
        for score, name, kind in (
            ("mAP", "mean average precision", "mean_average_precision"),
            ("AUROC", "macro AUROC", "roc_auc"),
        )
    }
    assert {r.dataset_type for r in data.eval_results} == {"synthetic"}


def test_the_scores_are_those_that_were_measured(
    text: str, metrics: dict, inputs: ReportInputs
) -> None:
    (results,), shown = metrics["details"], rows(text, "score")
    for level in ("study", "image"):
        score, deviation, chance = shown[f"mean average precision, per {level}"]
        assert score == bounded(results[level], "mAP")
        assert deviation == f"{inputs.summary[level]['mAP']['sd']:.3f}"
        assert chance == f"{results['mean_prevalence']:.3f}"
        assert shown[f"macro AUROC, per {level}"][0] == bounded(results[level], "AUROC")
    rule, groups = next(iter(results["study"]["groups"].items()))
    for group in groups:
        assert f"mean average precision, {group} ({rule})" in shown


def test_every_finding_has_its_scores_and_a_small_one_none(text: str, metrics: dict) -> None:
    (results,), shown = metrics["details"], rows(text, "finding")
    assert list(shown) == list(results["per_class"])
    hidden = ["not shown"] * 2
    assert shown[RARE] == ["<5", "not shown", *hidden]
    assert all(shown[name] == ["0", "0.000", *hidden] for name in ABSENT)
    assert set(shown) == {RARE, *ABSENT, *SHOWN}
    for name in SHOWN:
        found = results["per_class"][name]
        assert shown[name][0] == f"{found['positives']:,}"
        assert shown[name][2:] == [bounded(found, "AP"), bounded(found, "AUROC")]
    small = ", ".join(name for name in shown if name not in SHOWN)
    assert f"Too few studies to show a score: {small}.\n" in text


def test_calibration_and_leakage_are_those_that_were_measured(
    text: str, metrics: dict, inputs: ReportInputs
) -> None:
    for name, value in metrics["calibration"].items():
        assert (f"{value:.3f}" if name != "classes" else f"mean of {value} findings") in text
    assert bounded(inputs.audit["texts"]["surviving"], "share") in text
    counts = inputs.data["cohort"]["splits"]["test"]
    assert rows(text, "split")["test"][0] == f"{counts['studies']:,}"
    assert f"`{inputs.provenance.weights[SEED]}`" in text


def test_without_other_texts_nothing_is_said_of_them(inputs: ReportInputs) -> None:
    assert "Texts add" in model_card(inputs, SEED)
    without = replace(inputs, audit={**inputs.audit, "texts": None})
    assert "Texts add" not in model_card(without, SEED)


def test_a_model_of_real_patients_is_not_called_synthetic_and_has_no_open_licence(
    made: Path,
) -> None:
    text = model_card(workspace_inputs(made, data="real"), SEED)
    data = ModelCard(text).data
    assert "synthetic" not in text.lower()
    assert (data.license, data.license_name) == ("other", "that-of-the-data-it-was-trained-on")


def test_tables_have_as_many_cells_as_their_header_and_no_gap_stands_before_them(text: str) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert len(re.findall(r"^\| --- ", text, re.MULTILINE)) == len(blocks)


def test_a_card_repeats_what_the_trainings_behind_its_model_said(
    text: str, inputs: ReportInputs
) -> None:
    assert "trainings behind it" not in text
    said = {"gen0": ["not converged: Mass"], f"fusion_seed{SEED}": [], "fusion_seed9": ["a spike"]}
    card = model_card(replace(inputs, remarks=said), SEED)
    part = card.partition("### The trainings behind it\n\n")[2].partition("\n\n## ")[0]
    assert part.strip() == "- `gen0`: not converged: Mass."
    quiet = model_card(replace(inputs, remarks=dict.fromkeys(said, ())), SEED)
    assert "No training had a step" in quiet
