"""The reference study of an exported model: reproduced, or why not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from camchex.errors import ModelError
from camchex.export import reference
from camchex.export.onnx_file import FILE as ONNX
from camchex.export.reference import FILE, FOLDER, self_test, write_reference
from tests.networks.small import camchex


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    camchex(input_heads=True).save_pretrained(folder)
    write_reference(folder)
    return folder


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "elsewhere")


def edit(folder: Path, **changes: object) -> None:
    path = folder / FOLDER / FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def shifted(folder: Path, by: float) -> dict[str, dict[str, float]]:
    expected = json.loads((folder / FOLDER / FILE).read_text())["expected"]
    expected["whole"]["Edema"] += by
    return expected


def test_the_same_process_reproduces_every_byte_in_another_folder(copied: Path) -> None:
    found = self_test(copied)
    assert (found.reproduced, found.exact, found.largest, found.said) == (True, True, 0.0, ())


def test_the_study_is_predicted_whole_and_in_parts(exported: Path) -> None:
    expected = json.loads((exported / FOLDER / FILE).read_text())["expected"]
    assert [*expected] == ["whole", "frontal image alone", "no image"]
    assert len({tuple(row.values()) for row in expected.values()}) == 3


def test_a_small_difference_is_within_the_tolerance_unless_equal_bytes_are_promised(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(copied, expected=shifted(copied, 1e-6), pinned=False)
    found = self_test(copied)
    assert (found.reproduced, found.exact) == (True, False)
    assert found.largest == pytest.approx(1e-6, rel=1e-3)
    assert found.where == "Edema of the study, whole"
    edit(copied, pinned=True)
    monkeypatch.setattr("camchex.contract.arithmetic.is_pinned", lambda: True)
    found = self_test(copied)
    assert not found.reproduced
    assert any("equal bytes are expected" in line for line in found.said)


def test_a_large_difference_is_said_with_what_to_do(copied: Path) -> None:
    made_with = json.loads((copied / FOLDER / FILE).read_text())["made_with"]
    edit(copied, expected=shifted(copied, 0.01), made_with=made_with | {"torch": "2.0.0"})
    found = self_test(copied)
    assert not found.reproduced
    said = " ".join(found.said)
    assert "and was 2.0.0" in said
    assert "Install the versions of the record" in said


def test_an_exchanged_file_is_named(copied: Path) -> None:
    path = copied / FOLDER / "frontal.png"
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    found = self_test(copied)
    assert not found.reproduced
    said = " ".join(found.said)
    assert "frontal.png: is not the file that was exported" in said
    assert "images are prepared otherwise" in said


def test_a_folder_without_reference_says_what_makes_one(copied: Path) -> None:
    shutil.rmtree(copied / FOLDER)
    with pytest.raises(ModelError, match="camchex export"):
        self_test(copied)


def test_an_onnx_file_that_nothing_here_can_read_is_said(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied / ONNX).touch()
    monkeypatch.setattr(reference, "find_spec", lambda _: None)
    found = self_test(copied)
    assert (found.reproduced, found.onnx) == (True, None)
    assert "not checked, as onnxruntime is not installed" in " ".join(found.said)


def test_a_record_cannot_widen_its_tolerance(copied: Path) -> None:
    edit(copied, tolerance=0.5, expected=shifted(copied, 0.3), pinned=False)
    with pytest.raises(ModelError, match=r"(?s)reference\.json: damaged: .*tolerance"):
        self_test(copied)
