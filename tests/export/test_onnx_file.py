"""The ONNX file of a model: torch's probabilities, whatever a study has, and however many."""

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camchex.errors import ModelError
from camchex.export import onnx_file
from camchex.export.onnx_file import FILE, FREE, onnx_probabilities, write_onnx
from camchex.export.plain import PlainCaMChex, plain_inputs
from camchex.export.reference import FOLDER as REFERENCE
from camchex.export.reference import read_reference, self_test, write_reference
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_data import reader_of
from camchex.fusion.tokenizer import NO_VITALS
from camchex.networks.inference import flip_average
from tests.networks.small import CLASSES, INDICATIONS, SIZE, VITALS, camchex

MODELS: dict[str, dict[str, object]] = {
    "as the demo": {"input_heads": True, "norm_first": True},
    "as the release": {"mask_padding": False, "segments": "by_slot", "text_tokens": 3},
    "one encoder, images alone": {"encoders": "shared", "inputs": ["images"]},
    "texts alone": {"inputs": ["indication", "vitals"], "input_heads": True},
    "mmbt": {"architecture": "mmbt", "inputs": ["images", "indication"]},
    "mmbt of images by slot": {
        "architecture": "mmbt",
        "inputs": ["images"],
        "segments": "by_slot",
        "encoders": "shared",
    },
}
FASTER_TO_TRACE: dict[str, object] = {"encoders": "shared", "layers": 1}
"""With two encoders and several layers, the model as the demo is traced."""
TOLERANCE = 1e-4

Parts = tuple[list[bool], bool, bool]
"""Which images of a study are lateral; whether it has an indication, and vital signs."""


def batch_of(model: CaMChex, studies: list[Parts]) -> StudyBatch:
    """Studies with what the parts say, each of them other pixels and words."""
    draw = np.random.default_rng(len(studies))
    count = sum(len(views) for views, _, _ in studies)
    images = draw.integers(0, 256, (count, 1, SIZE, SIZE), dtype=np.uint8)
    read = reader_of(model).read(
        torch.from_numpy(images),
        [np.array(views, dtype=bool) for views, _, _ in studies],
        [INDICATIONS[n % 4] if has else None for n, (_, has, _) in enumerate(studies)],
        [VITALS[n % 4] if has else NO_VITALS for n, (_, _, has) in enumerate(studies)],
    )
    return read.map_images(lambda pixels: pixels.float() / 255)


@cache
def model_of(kind: str) -> CaMChex:
    return camchex(**MODELS[kind])


def by_torch(model: CaMChex, batch: StudyBatch) -> torch.Tensor:
    with torch.inference_mode():
        return flip_average(model, batch)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole folder of a model, as the demo's is."""
    folder = tmp_path_factory.mktemp("demo") / "model"
    camchex(**MODELS["as the demo"]).save_pretrained(folder)
    write_onnx(CaMChex.from_pretrained(folder), folder / FILE)
    write_reference(folder)
    return folder


@pytest.mark.slow  # traces a network
def test_every_study_has_torchs_probabilities(demo: Path) -> None:
    assert_all_alike(CaMChex.from_pretrained(demo), demo)


@pytest.mark.slow  # traces a network
@pytest.mark.parametrize("kind", ["as the release", "mmbt"])
def test_every_architecture_has_torchs_probabilities(kind: str, tmp_path: Path) -> None:
    model = camchex(**MODELS[kind], **FASTER_TO_TRACE)
    for stage in model.frontal.backbone.stages[:-1]:
        stage.blocks = torch.nn.Identity()  # faster to trace; that of the demo has them all
    write_onnx(model, tmp_path / FILE)
    assert_all_alike(model, tmp_path)


def assert_all_alike(model: CaMChex, folder: Path) -> None:
    session = onnxruntime.InferenceSession(folder / FILE)
    with pytest.MonkeyPatch.context() as patch:  # the file is optimised once
        patch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
        assert_studies_alike(model, folder)


def assert_studies_alike(model: CaMChex, folder: Path) -> None:
    views = [[], [False], [True], [False, True], [True, False, True], [False] * 4, [True] * 4]
    studies = [(one, *texts) for one in views for texts in product((True, False), repeat=2)]
    for one in studies:
        assert_alike(model, folder, [one])
    assert_alike(model, folder, studies)


def assert_alike(model: CaMChex, folder: Path, studies: list[Parts]) -> None:
    batch = batch_of(model, studies)
    found = onnx_probabilities(folder, model, batch)
    assert found.shape == (len(studies), len(CLASSES))
    assert float((found - by_torch(model, batch)).abs().max()) < TOLERANCE


@pytest.mark.parametrize("kind", MODELS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    studies=st.lists(
        st.tuples(st.lists(st.booleans(), min_size=1, max_size=4), st.booleans(), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_the_plain_network_gives_what_the_network_gives(kind: str, studies: list[Parts]) -> None:
    model = model_of(kind)
    batch = batch_of(model, studies)
    with torch.inference_mode():
        found = PlainCaMChex(model)(*plain_inputs(model, batch).values())
    torch.testing.assert_close(found, by_torch(model, batch), atol=1e-6, rtol=0)


@pytest.mark.slow  # traces a network
def test_a_file_says_what_it_reads_and_nothing_of_this_machine(demo: Path) -> None:
    session = onnxruntime.InferenceSession(demo / FILE)
    assert {one.name: one.shape[:2] for one in session.get_inputs() if one.name in FREE} == {
        name: [dims[0], dims.get(1, 1)] for name, dims in FREE.items()
    }
    assert session.get_inputs()[0].shape[2:] == [SIZE, SIZE]
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["classes"]) == list(CLASSES)
    assert "not a medical device" in known["note"]
    assert str(Path(onnx_file.__file__).parent).encode() not in (demo / FILE).read_bytes()
    onnx.checker.check_model(demo / FILE, full_check=True)


def test_weights_beyond_one_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 1000)
    with pytest.raises(ModelError, match="bytes of weights; ONNX holds 1,000"):
        write_onnx(camchex(), tmp_path / FILE)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no graph")
    model = camchex()
    with pytest.raises(ModelError, match=r"model\.onnx: onnxruntime cannot compute it"):
        onnx_probabilities(tmp_path, model, batch_of(model, [([False], True, True)]))


@pytest.mark.slow  # traces a network
def test_an_onnx_file_is_checked_by_the_self_test(demo: Path, tmp_path: Path) -> None:
    found = self_test(demo)
    assert found.reproduced
    assert found.onnx is not None
    assert found.onnx < 1e-5
    folder = shutil.copytree(demo, tmp_path / "model")
    torch.manual_seed(0)
    other = camchex(**MODELS["as the demo"])
    for weights in other.decoder.parameters():
        torch.nn.init.normal_(weights)
    other.save_pretrained(folder)  # whose ONNX file is of the former weights
    write_reference_again(folder)
    found = self_test(folder)
    assert not found.reproduced
    assert "model.onnx: gives probabilities that differ" in " ".join(found.said)


def write_reference_again(folder: Path) -> None:
    shutil.rmtree(folder / REFERENCE)
    write_reference(folder)


@pytest.mark.slow  # traces a network, and starts a process
def test_the_example_of_the_page_runs_in_another_folder_without_camchex(
    demo: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(demo, tmp_path / "my-model")
    page = Path(__file__).parents[2] / "docs/model_that_travels.md"
    (example,) = re.findall(r"<!-- onnx -->\n```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert "camchex" not in example
    words = [sys.executable, "-I", "-c", example]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = read_reference(folder).expected["whole"]
    assert json.loads(ran.stdout) == pytest.approx(expected, abs=TOLERANCE)
