"""``make bench-gpu`` at a small size on the CPU, and what becomes of measurements that go wrong."""

import json
import math
from dataclasses import replace
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import bench_gpu
import from_disk
import gpu_measurements
import layouts
import numpy as np
import pytest
import roofline
import torch
from isolated import Options, Outcome, run_all
from PIL import Image
from record import Comparison
from torch import nn

from tests.networks.small import SIZE, encoder_params, text_params
from tests.runs.forked import BESIDE_THREADS

SMALL = Options(profile="demo", device="cpu", batch=2, steps=1, repeats=1, workers=0)
RUN_OF = gpu_measurements.run_of
ROW = Comparison("steps", "images/s", 4.0, "published layout", 2.0, 2.0)
WRONG = """
import os, signal, time
from record import Comparison

def good(_):
    yield Comparison("steps", "images/s", 4.0, "published layout", 2.0, 2.0)
    yield "batch", 16

def bad(_):
    yield "before", 1
    raise RuntimeError("CUDA error: | misaligned\\naddress")

def killed(_):
    yield "before", 2
    os.kill(os.getpid(), signal.SIGKILL)

def endless(_):
    yield from good(_)
    time.sleep(600)

MEASUREMENTS = {one.__name__: one for one in (good, bad, killed, endless)}
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("measurements")
    (folder / "wrong_measurements.py").write_text(WRONG)
    budgets = dict.fromkeys(("bad", "killed", "missing", "good"), 60.0) | {"endless": 1.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return dict(run_all(budgets, Options(module="wrong_measurements"), 200.0))


def test_a_failure_is_kept_with_its_message_and_the_rest_goes_on(
    outcomes: dict[str, Outcome],
) -> None:
    assert outcomes["bad"].outcome == "failed: RuntimeError: CUDA error: | misaligned\naddress"
    assert outcomes["bad"].notes == {"before": 1}
    assert outcomes["killed"].outcome == "failed: its process ended with -9"
    assert outcomes["killed"].notes == {"before": 2}
    assert outcomes["missing"].outcome == "failed: KeyError: 'missing'"
    assert (outcomes["good"].outcome, outcomes["good"].comparisons) == ("done", [ROW])


def test_a_measurement_without_end_is_stopped_and_keeps_what_it_found(
    outcomes: dict[str, Outcome],
) -> None:
    assert outcomes["endless"].outcome == "stopped after its 1 s"
    assert outcomes["endless"].comparisons == [ROW]


def test_no_measurement_begins_when_the_time_is_up() -> None:
    found = dict(run_all({"image_step": 60.0, "roofline": 60.0}, SMALL, 0.0))
    assert {one.outcome for one in found.values()} == {"not begun: the time was up"}


def test_json_and_table_are_written_after_every_measurement(
    outcomes: dict[str, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seen = tmp_path / "new" / "gpu.json", []

    def cut_off(*_: object) -> object:
        yield "bad", outcomes["bad"]
        seen.append(json.loads(out.read_text())["measurements"])
        yield "good", outcomes["good"]
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_gpu, "run_all", cut_off)
    with pytest.raises(KeyboardInterrupt):
        bench_gpu.main(["--device", "cpu", "--out", str(out)])
    assert [*seen[0]] == ["bad"]
    result = json.loads(out.read_text())
    assert [*result["measurements"]] == ["bad", "good"]
    assert result["versions"]["torch"] == torch.__version__.partition("+")[0]
    text = out.with_suffix(".md").read_text()
    assert "| steps | images/s | 4 | published layout 2 | 2.00 |" in text
    assert "failed: RuntimeError: CUDA error: / misaligned address | before: 1 |" in text


def small_xrays() -> list[bytes]:
    buffer = BytesIO()
    grey = np.random.default_rng(0).integers(0, 256, (90, 80), dtype=np.uint8)
    Image.fromarray(grey).save(buffer, "JPEG")
    return [buffer.getvalue()]


def small_run(options: Options) -> gpu_measurements.Run:
    """The run that was asked for, with the smallest networks and one step before the clock."""
    run = RUN_OF(options)
    images = run.params.images.model_copy(update={"size": SIZE})
    small = {"encoder": encoder_params(), "text": text_params(), "images": images}
    return replace(run, params=run.params.model_copy(update=small), skip=1)


def test_every_measurement_has_its_time() -> None:
    assert [*bench_gpu.BUDGETS] == [*gpu_measurements.MEASUREMENTS]


@pytest.mark.slow
@BESIDE_THREADS
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch.compile looks at all of a tensor
@pytest.mark.parametrize("name", gpu_measurements.MEASUREMENTS)
def test_a_measurement_runs_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, with small networks; compilation without a C++ compiler, for one shape."""
    for module in (gpu_measurements, layouts):
        monkeypatch.setattr(module, "BATCHES", 1)
    monkeypatch.setattr(gpu_measurements, "run_of", small_run)
    for name_of_size in ("COMPARED", "ROWS"):
        monkeypatch.setattr(gpu_measurements, name_of_size, 4)
    monkeypatch.setattr(from_disk, "FILES", 4)
    monkeypatch.setitem(roofline.SIDE, "cpu", 256)
    monkeypatch.setitem(roofline.COPIED, "cpu", 2**20)
    whole = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self: whole(self, backend="eager"))
    monkeypatch.setattr(from_disk, "full_size_xrays", small_xrays)
    # On the CPU, without threads, a fork need not import everything again.
    monkeypatch.setattr(gpu_measurements, "SPAWN", get_context("fork"))
    found = Outcome()
    for finding in gpu_measurements.MEASUREMENTS[name](SMALL):
        found.add(finding)
    assert found.comparisons or found.notes
    figures = [v for row in found.comparisons for v in (row.ours, row.theirs, row.ratio)]
    figures += [v for v in found.notes.values() if isinstance(v, float)]
    assert all(math.isfinite(v) and v >= 0 for v in figures)
    if name == "resumption":
        assert found.notes["exit code of the killed training"] == -9
        assert found.notes["it left two checkpoints"]
        assert found.notes["steps after the kill"] in ("16 of 24", "12 of 24")
        assert found.notes["steps of a training that was not killed"] == 24
        assert found.notes["largest difference of a weight from it"] == 0
    if name == "equality":
        assert all(v < 1e-6 for k, v in found.notes.items() if "TF32" in k)


def test_a_batch_that_does_not_fit_is_halved() -> None:
    """A lack of memory is told from other errors, and is no end."""
    tried = []

    def build(run: gpu_measurements.Run) -> gpu_measurements.Contest:
        tried.append(run.batch)

        def timed(_: object) -> gpu_measurements.Timing:
            if run.batch > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return gpu_measurements.Timing(1, 0.5, warm=True)

        return gpu_measurements.Contest("step", "images", timed, timed)

    run = gpu_measurements.run_of(Options(profile="demo", device="cpu", batch=8))
    found = [f for f in gpu_measurements.rows_of(build, run) if isinstance(f, Comparison)]
    assert tried == [8, 4, 2]
    assert found[0].ours == 2 / 0.5
    with pytest.raises(RuntimeError, match="illegal"):
        gpu_measurements.trains(_illegal, run)
    assert not gpu_measurements.trains(build_full, run)


def build_full(_: object) -> object:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


def _illegal(_: object) -> object:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")
