"""DICOM headers that say both inverted and not: decided by what the image looks like."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from camchex.contract.image_store import ImageStore
from camchex.images import resume
from camchex.images.jpeg import prepared_pixels
from camchex.images.prepare import prepare_images
from camchex.images.unreadable import Note, Notes
from camchex.views.view_classifier import SHAPES, SIDE, ViewClassifier, ViewClassifierConfig
from tests.images.files import PARAMS, dicom, dicom_bytes, images_table, saved

LEFT_DARK = np.tile(np.linspace(40, 215, 40), (48, 1)).astype(np.uint8)
CONTRADICTIONS = {"MONOCHROME2": "INVERSE", "MONOCHROME1": "IDENTITY"}
AGREEMENTS = {"MONOCHROME2": "IDENTITY", "MONOCHROME1": "INVERSE"}


def classifier(steepness: float = 20) -> ViewClassifier:
    """One that takes for inverted what is brighter at the left; less sure if it is less steep."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    is_left = np.arange(SIDE**2) % SIDE < SIDE / 2
    for unit, sign in enumerate((1, -1)):
        weights["hidden.weight"][:, unit] = sign * np.where(is_left, 1, -1) / SIDE**2
        weights["output.weight"][unit, 1] = sign * steepness
    return ViewClassifier(weights, ViewClassifierConfig(confidence=0.9))


def file(path: Path, photometric: str, shape: str, *, left_dark: bool) -> Path:
    dataset = dicom(LEFT_DARK if left_dark else 255 - LEFT_DARK, 8, photometric)
    dataset.PresentationLUTShape = shape
    return saved(path, dicom_bytes(dataset))


def is_left_dark(pixels: np.ndarray) -> bool:
    return bool(pixels[:, 0].mean() < pixels[:, -1].mean())


@pytest.mark.parametrize(("photometric", "left_dark"), list(product(CONTRADICTIONS, (True, False))))
def test_a_contradiction_is_decided_by_the_looks_where_these_are_clear(
    *, tmp_path: Path, photometric: str, left_dark: bool
) -> None:
    path = file(tmp_path / "a.dcm", photometric, CONTRADICTIONS[photometric], left_dark=left_dark)
    header = left_dark == (photometric == "MONOCHROME2")  # what photometric interpretation makes
    for given, dark, note in (
        (classifier(), True, Note.PRESENTATION_SEEN),
        (classifier(steepness=1), header, Note.PRESENTATION),  # not sure
        (None, header, Note.PRESENTATION),
    ):
        notes = Notes()
        assert is_left_dark(prepared_pixels(path, PARAMS, notes, given)) == dark
        assert notes == [note]


@pytest.mark.parametrize("photometric", AGREEMENTS)
def test_a_header_that_agrees_with_itself_is_followed_whatever_the_looks(
    tmp_path: Path, photometric: str
) -> None:
    left_dark = photometric == "MONOCHROME1"  # so that it is shown bright at the left
    path = file(tmp_path / "a.dcm", photometric, AGREEMENTS[photometric], left_dark=left_dark)
    notes = Notes()
    assert not is_left_dark(prepared_pixels(path, PARAMS, notes, classifier()))
    assert notes == []


def test_a_store_is_made_with_the_classifier_and_anew_with_another(tmp_path: Path) -> None:
    for name, left_dark in (("a", True), ("b", False)):
        file(tmp_path / f"{name}.dcm", "MONOCHROME2", "INVERSE", left_dark=left_dark)
    images = images_table(["a.dcm", "b.dcm"])
    places = (tmp_path, tmp_path / "store", PARAMS, 0, tmp_path / "scratch")
    for given, expected in ((None, [True, False]), (classifier(), [True, True])):
        counts = prepare_images(images, *places, classifier=given).notes
        assert (counts[Note.PRESENTATION], counts[Note.PRESENTATION_SEEN]) == (
            (0, 2) if given else (2, 0)
        )
        assert [
            is_left_dark(one) for one in ImageStore(tmp_path / "store").batch([0, 1])
        ] == expected
    less_sure = replace(classifier(), config=ViewClassifierConfig(confidence=0.8))
    keys = {
        resume.store_key(images, tmp_path, PARAMS, one)
        for one in (None, classifier(), classifier(steepness=1), less_sure)
    }
    assert len(keys) == 4
