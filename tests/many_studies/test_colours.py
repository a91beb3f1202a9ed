"""Photographs in colours are refused, and X-rays of any tint are not."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.colours import MOST, hues
from camchex.many_studies.reading import read_study
from tests.images.files import dicom, dicom_bytes, encoded, picture, saved
from tests.many_studies.test_predict_studies import ensemble
from tests.networks.small import camchex

GREY = picture(200, 160) / 255


def written(path: Path, levels: NDArray[np.floating]) -> Path:
    """A file of colours, (rows, columns, 3), from 0 to 1."""
    image = Image.fromarray(np.uint8(np.rint(255 * levels)))
    return saved(path, encoded(image, "PNG" if path.suffix == ".png" else "JPEG"))


def photograph(path: Path) -> Path:
    """Sky, grass and a red wall, each with light and shade."""
    colours = np.array([[0.3, 0.5, 1.0], [0.2, 0.8, 0.2], [0.9, 0.2, 0.1]])
    areas = np.repeat(np.arange(3), [70, 60, 70])
    return written(path, colours[areas][:, None] * (0.5 + 0.5 * GREY[..., None]))


@pytest.mark.parametrize("tint", [(1, 1, 1), (1.4, 1, 0.7), (0.8, 0.9, 1.3)])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_one_tint_is_no_photograph(tmp_path: Path, tint: tuple[float, ...], kind: str) -> None:
    assert hues(written(tmp_path / f"a.{kind}", np.stack([GREY**t for t in tint], 2))) < MOST / 2


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_several_hues_are_a_photograph(tmp_path: Path, kind: str) -> None:
    assert hues(photograph(tmp_path / f"a.{kind}")) > 2 * MOST


def test_what_is_grey_or_no_picture_file_has_no_hue(tmp_path: Path) -> None:
    grey = saved(tmp_path / "a.png", encoded(Image.fromarray(picture()), "PNG"))
    header = saved(tmp_path / "a.dcm", dicom_bytes(dicom(picture(), 8)))
    text = saved(tmp_path / "text", b"no image")
    cut = saved(tmp_path / "cut.jpg", photograph(tmp_path / "b.jpg").read_bytes()[:300])
    assert [hues(one) for one in (grey, header, text, cut, tmp_path / "lost")] == [0.0] * 5


def test_no_real_x_ray_is_refused(real_data: Path) -> None:
    kinds = ("odd_images/*.[jp]*g", "open_cohort/ChestX-ray14/images/*.png")
    found = {path.name: hues(path) for kind in kinds for path in sorted(real_data.glob(kind))}
    assert len(found) > 10
    assert max(found.values()) < MOST / 4
    assert found["jpeg_RGB.jpg"] > 0  # a photograph of a film, bluish


def test_a_study_with_a_photograph_is_refused(tmp_path: Path) -> None:
    path = photograph(tmp_path / "cat.jpg")
    study = AskedStudy("s", 1, (AskedImage(path, "frontal"),))
    read = read_study(study, ensemble(camchex()).how)
    assert read.refusal == f"not enough to go on: {path}: in several colours, as no X-ray is"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert hues(tmp_path / "pipe.png") == 0
