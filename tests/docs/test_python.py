"""The examples in Python, run as they are printed."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import camchex
from camchex.images.prepare import prepare_images
from tests.images.files import PARAMS, dicom, dicom_bytes, encoded, images_table, picture, saved
from tests.networks import small
from tests.sources.raw import CHEXPERT, NIH, VINDR, published

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs" / "python.md").read_text()
README = (REPO / "README.md").read_text()
EXAMPLE = re.compile(r"^## ([^\n]*)\n(?:(?!^## ).)*?```python\n(.*?)```", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    *((match[1], match[2]) for match in EXAMPLE.finditer(PAGE)),
    *(("README", code) for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files under the names that the examples read."""
    root = tmp_path_factory.mktemp("examples")
    for seed, folder in enumerate(("models/views/frontal", "models/views/lateral")):
        small.classifier(seed).save_pretrained(root / folder)
    small.camchex().save_pretrained(root / "models/fusion/seed0")
    saved(root / "pa.jpg", encoded(Image.fromarray(picture(60, 50)), "JPEG"))
    deep = picture(60, 50, seed=1).astype(np.uint16) * 16
    saved(root / "lateral.dcm", dicom_bytes(dicom(deep, 12)))
    image = {"Path": "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg", "Edema": "1.0"}
    published(root / "CheXpert-v1.0/train.csv", CHEXPERT, [image])
    image = {"Image Index": "00000001_000.png", "Finding Labels": "Effusion|Mass"}
    published(root / "ChestX-ray14/Data_Entry_2017_v2020.csv", NIH, [image])
    readings = [
        {"image_id": "a", "rad_id": reader, "class_name": "Nodule/Mass"} for reader in ("R1", "R2")
    ]
    published(root / "vinbigdata/train.csv", VINDR, readings)
    return root


@pytest.fixture
def workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if not Path("data/images/mimic").exists():
        prepare_images(
            images_table(["pa.jpg", "lateral.dcm"]), folder, Path("data/images/mimic"), PARAMS, 0
        )


@pytest.mark.slow  # imports the networks
@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
@pytest.mark.usefixtures("workspace")
def test_an_example_runs_as_it_is_printed(title: str, code: str) -> None:
    exec(compile(code, title, "exec"), {})  # noqa: S102  # the page's own code


def test_every_block_of_code_is_run() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") + README.count("```python")


def test_the_page_shows_every_public_name() -> None:
    shown = {name for _, code in EXAMPLES for name in re.findall(r"\w+", code)}
    assert set(camchex.__all__) <= shown
    listed = PAGE.partition("Every example")[0]
    assert [name for name in camchex.__all__ if f"`{name}`" not in listed] == []


def test_the_examples_use_public_names_alone() -> None:
    modules = [m for _, code in EXAMPLES for m in re.findall(r"from (camchex\S*) import", code)]
    assert set(modules) == {"camchex"}
