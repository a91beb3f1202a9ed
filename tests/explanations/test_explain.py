"""``camchex explain``: what is shown, what is not and why, and the files that it writes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from camchex.aggregates.results import read_results
from camchex.cli.app import app
from camchex.errors import DataError
from camchex.explanations.explain import ExplainedImage, ModelAtHand, explain_study, images_read
from camchex.explanations.offered import EVIDENCE, KINDS, Evidence, evidence, read_evidence
from camchex.explanations.overlays import SIDE, overlay, plain
from camchex.explanations.page import page, write_explanation
from camchex.prediction.one_study import StudyInput, predict_study
from camchex.scores.calibration_file import Calibration, Platt
from tests.networks.small import CLASSES, camchex
from tests.prediction.test_one_study import picture

METHODS = {"maps": "occlusion", "words": "alone", "vitals": "left_out"}
RECORDED = Path(__file__).resolve().parents[2] / "metrics/ablations/explanations.json"


def known(*kinds: str) -> Evidence:
    """Evidence that shows some kinds of every finding."""
    verdicts = {kind: {name: {"shown": kind in kinds} for name in CLASSES} for kind in KINDS}
    return Evidence("synthetic", "0" * 64, METHODS, verdicts)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyInput:
    folder = tmp_path_factory.mktemp("images")
    images = [
        (picture(folder / "pa.png", 1), "frontal"),
        (picture(folder / "ll.png", 2), "lateral"),
    ]
    vitals = {"temperature_f": 101.2, "heart_rate_bpm": 120}
    return StudyInput(images, "fall from a ladder, rib pain", vitals, "F")


@pytest.fixture(scope="module")
def model() -> ModelAtHand:
    lines = {name: Platt(intercept=0.5, slope=2.0) for name in CLASSES}
    none = {name: {"max_f1": None, "specificity_90": None} for name in CLASSES}
    fitted = Calibration(classes=lines, thresholds=none, temperature=1.0)
    return ModelAtHand(camchex(input_heads=True), "0" * 64, fitted)


def test_what_is_shown_adds_up_to_the_calibrated_prediction(
    model: ModelAtHand, study: StudyInput
) -> None:
    (found,) = explain_study(model, study, ["Mass"], known(*KINDS)).findings
    assert model.calibration
    expected = model.calibration.calibrated(predict_study(model.network, study))["Mass"]
    assert found.probability == pytest.approx(expected, abs=1e-6)
    both = np.array([found.probability, found.without_anything])
    whole, empty = np.log(both / (1 - both))
    assert sum(found.contributions.values()) == pytest.approx(whole - empty, abs=1e-6)
    assert list(found.contributions) == ["frontal", "lateral", "indication", "vitals"]
    assert [word for word, _ in found.words] == ["fall", "from", "a", "ladder", "rib", "pain", "."]
    assert [name for name, *_ in found.vitals] == ["Temperature", "Heart rate", "Gender"]
    assert [image.view for image in found.images] == ["frontal", "lateral"]
    assert not found.not_shown


def test_an_input_left_out_is_a_study_without_it(model: ModelAtHand, study: StudyInput) -> None:
    (found,) = explain_study(model, study, ["Mass"], known()).findings
    without = {
        "frontal": replace(study, images=study.images[1:]),
        "lateral": replace(study, images=study.images[:1]),
        "indication": replace(study, indication=None),
        "vitals": replace(study, vitals=None, gender=None),
    }
    assert model.calibration
    assert list(found.left_out) == list(without)
    for name, less in without.items():
        expected = model.calibration.calibrated(predict_study(model.network, less))["Mass"]
        assert found.left_out[name] == pytest.approx(expected, abs=1e-6)
    texts = replace(study, images=[], vitals=None, gender=None)
    (found,) = explain_study(model, texts, ["Mass"], known()).findings
    assert list(found.left_out) == ["indication"]


def test_what_did_not_beat_its_baselines_is_not_shown_and_said(
    model: ModelAtHand, study: StudyInput
) -> None:
    explanation = explain_study(model, study, ["Mass"], known())
    (found,) = explanation.findings
    assert not (found.contributions)
    assert not (found.words)
    assert not (found.vitals)
    assert not (found.images)
    reason = "not shown: for this finding the map did not beat its baselines"
    assert found.not_shown["maps"] == reason
    assert set(found.not_shown) == set(KINDS)
    assert page(explanation).lower().count("did not beat its baselines") == 4


def test_views_that_are_not_told_apart_are_added_up(model: ModelAtHand, study: StudyInput) -> None:
    apart, joined = (
        explain_study(model, study, ["Mass"], known("contributions", *more))
        .findings[0]
        .contributions
        for more in (["views"], [])
    )
    assert joined["images"] == pytest.approx(apart["frontal"] + apart["lateral"])
    assert list(joined) == ["images", "indication", "vitals"]


def test_a_finding_that_was_never_measured_is_not_explained(
    model: ModelAtHand, study: StudyInput
) -> None:
    nothing = replace(known(), verdicts={kind: {} for kind in KINDS})
    (found,) = explain_study(model, study, ["Mass"], nothing).findings
    assert found.not_shown["words"] == "not shown: for this finding nobody measured the words"


def test_what_a_study_lacks_is_said_of_the_study(model: ModelAtHand) -> None:
    explanation = explain_study(model, StudyInput(indication="rib pain"), ["Mass"], known(*KINDS))
    (found,) = explanation.findings
    assert found.not_shown == {
        "maps": "the study has no image",
        "vitals": "the study has no vital signs",
    }
    assert explanation.missing == ["frontal", "lateral", "vitals"]
    assert found.contributions["frontal"] == found.contributions["vitals"] == 0


def test_the_most_probable_findings_are_explained_where_none_is_named(
    model: ModelAtHand, study: StudyInput
) -> None:
    found = explain_study(model, study, [], known()).findings
    values = [one.probability for one in found]
    assert len(found) == 3
    assert values == sorted(values, reverse=True)
    with pytest.raises(DataError, match=r"finding 'Cold'.*Edema, Fracture, Mass"):
        explain_study(model, study, ["Cold"], known())


def test_images_are_named_in_the_order_in_which_they_are_read(study: StudyInput) -> None:
    others = [(path.with_name(f"{n}.png"), "frontal") for n, (path, _) in enumerate(study.images)]
    more = replace(study, images=[*study.images, *others])
    assert images_read(camchex(max_images=2, segments="by_slot"), more).tolist() == [0, 1]
    averaged = camchex(max_images=2, beyond_max_images="average", segments="by_slot")
    assert sorted(images_read(averaged, more).tolist()) == [0, 1, 2, 3]


def test_an_overlay_glows_where_the_map_is_and_nowhere_else() -> None:
    pixels = np.full((32, 32), 0.5, np.float32)
    raised = np.zeros((32, 32))
    raised[2:8, 20:30] = 1.0
    image = ExplainedImage(Path("a.png"), "frontal", pixels, raised)
    drawn = cv2.imdecode(np.frombuffer(overlay(image), np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert drawn.shape == (SIDE, SIDE, 3)
    times = SIDE // 32
    blue, _, red = drawn[5 * times, 25 * times]
    assert red > 200
    assert blue < 100
    assert np.ptp(drawn[20 * times, 10 * times]) == 0  # grey
    assert np.ptp(drawn[5 * times, 5 * times]) == 0  # not mirrored
    assert image.peak == pytest.approx((20.5 / 32, 2.5 / 32))
    none = replace(image, raised=np.zeros((32, 32)))
    assert none.peak is None
    assert overlay(none) == plain(none)


def test_files_are_whole_and_need_nothing_from_outside(
    model: ModelAtHand, study: StudyInput, tmp_path: Path
) -> None:
    explanation = explain_study(model, study, ["Mass", "Edema"], known(*KINDS))
    files = write_explanation(explanation, tmp_path / "out")
    assert [path.name for path in files] == [
        "explanation.html", "explanation.json", "mass-1-frontal.png", "mass-2-lateral.png",
        "edema-1-frontal.png", "edema-2-lateral.png",
    ]  # fmt: skip
    assert all(path.is_file() for path in files)
    html = files[0].read_text()
    assert not re.search(r"https?:|src=\"(?!data:)|<script|url\(", html)
    assert "not a medical device" in html
    assert "prefers-color-scheme: dark" in html
    assert "another model than this one" not in html
    content = json.loads(files[1].read_text())
    assert "not a medical device" in content["note"]
    assert [one["finding"] for one in content["findings"]] == ["Mass", "Edema"]
    assert content["findings"][0]["maps"][0]["png"] == "mass-1-frontal.png"
    with pytest.raises(DataError, match="not an empty folder"):
        write_explanation(explanation, tmp_path / "out")


def test_text_from_outside_is_text_on_the_page(model: ModelAtHand, study: StudyInput) -> None:
    dangerous = replace(study, indication="<script>alert(1)</script> pain")
    preparation = model.network.config.preparation
    explanation = explain_study(model, dangerous, ["Mass"], known(*KINDS))
    assert preparation.cleaner == "released"
    words = [*explanation.findings[0].words, ("<b>bold</b>", 1.0)]
    first = replace(explanation.findings[0], words=words)
    html = page(replace(explanation, findings=[first]))
    assert "<script" not in html
    assert "&lt;b&gt;bold" in html


def test_evidence_of_another_model_is_said_to_be(model: ModelAtHand, study: StudyInput) -> None:
    other = replace(model, sha256="1" * 64)
    assert "another model than this one" in page(explain_study(other, study, ["Mass"], known()))


def test_the_command_writes_the_explanation(
    model: ModelAtHand, study: StudyInput, tmp_path: Path
) -> None:
    model.network.save_pretrained(tmp_path / "fusion" / "seed0")
    (pa, _), (ll, _) = study.images
    words = ["explain", "--model", str(tmp_path / "fusion/seed0"), "--out", str(tmp_path / "why")]
    words += ["--frontal", str(pa), "--lateral", str(ll), "--indication", "rib pain"]
    words += ["--vitals", "temperature=101.2", "--gender", "F", "--finding", "Edema"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "explanation.html" in result.output
    assert "not a medical device" in result.output
    again = CliRunner().invoke(app, words)
    assert isinstance(again.exception, DataError)
    hues = np.indices((64, 64)).astype(np.uint8) * 4
    Image.fromarray(np.dstack([hues[0], 255 - hues[0], hues[1]])).save(tmp_path / "photo.png")
    photograph = [*words[:3], "--out", str(tmp_path / "no"), "--image", str(tmp_path / "photo.png")]
    refused = CliRunner().invoke(app, photograph)
    assert "in several colours" in str(refused.exception)


def test_the_evidence_that_comes_along_is_what_was_recorded() -> None:
    assert read_results(EVIDENCE) == evidence(read_results(RECORDED))
    found = read_evidence()
    assert found.data == "synthetic"
    assert read_evidence(RECORDED) == found


def test_the_recorded_network_with_random_weights_loses() -> None:
    results = read_results(RECORDED)
    for kind in ("maps", "words", "vitals"):
        means = results[kind]["all"]["means"]
        trained = means[results["methods"][kind]]
        untrained = means[f"{results['methods'][kind]}, random weights"]
        assert untrained["hit"] < 0.6 * trained["hit"]


def test_something_else_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"title": "other"}')
    with pytest.raises(DataError, match="not evidence of explanations"):
        read_evidence(tmp_path / "a.json")
