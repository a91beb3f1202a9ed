"""A small model to try, and studies for it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from camchex.scores.calibration_file import Calibration, Platt, write_calibration
from tests.images.files import dicom, encoded, picture
from tests.networks.small import CLASSES, camchex

SERVE = "from camchex.cli.app import main; main()"


def write_model(folder: Path) -> Path:
    """A model with a calibration in its folder, as an export has it."""
    camchex(input_heads=True).save_pretrained(folder)
    lines = {name: Platt(intercept=0.5, slope=2.0) for name in CLASSES}
    thresholds = {name: {"max_f1": 0.05, "specificity_90": 0.9999} for name in CLASSES}
    thresholds["Mass"] = {"max_f1": None, "specificity_90": None}
    fitted = Calibration(classes=lines, thresholds=thresholds, temperature=1.0)
    write_calibration(fitted, folder / "calibration.json")
    return folder


def png(seed: int = 0, rows: int = 48) -> bytes:
    from PIL import Image

    return encoded(Image.fromarray(picture(rows, seed=seed)), "PNG")


def dicom_file(folder: Path, **header: str) -> bytes:
    dataset = dicom(picture(), 8)
    dataset.Modality = "DX"
    for name, value in header.items():
        setattr(dataset, name, value)
    path = folder / "one.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path.read_bytes()


def answers(text: str) -> dict[str, str]:
    """The lines of an answer, of those with one key the last one."""
    return {key: value for line in text.splitlines() for key, value in json.loads(line).items()}


@dataclass
class Served:
    """A page that is served by a process of its own."""

    address: str
    pid: int
    said: Path
    work: Path

    def written(self) -> int:
        """Bytes that its processes have sent to a disk so far: proc(5), ``write_bytes``."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        told = [Path(f"/proc/{pid}/io").read_text() for pid in (self.pid, *children)]
        return sum(int(text.split("write_bytes: ")[1].split()[0]) for text in told)


@contextmanager
def served(model: Path, work: Path, said: Path) -> Iterator[Served]:
    """Serve a model at any free port; temporary files would be seen in ``work``."""
    work.mkdir()
    here = {"TMPDIR": str(work), "HOME": str(work), "PYTHONPATH": os.pathsep.join(sys.path)}
    here["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-c", SERVE, "serve", "--model", str(model), "--port", "0"]
    with (
        said.open("w") as errors,
        subprocess.Popen(
            command,
            cwd=work,
            env=os.environ | here,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("http://127.0.0.1:"), said.read_text()
        try:
            yield Served(first.split()[0], process.pid, said, work)
        finally:
            process.terminate()
            process.wait(60)
