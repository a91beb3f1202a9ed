"""Studies per second: a table of them, one call for each in one process, one process for each.

The demo's networks, untrained, over studies of two drawn images of MIMIC-CXR's shape. Run it as
``python benchmarks/many_studies.py``, in the project's folder; ``--studies``, ``--side`` and
``--processes`` change how much is measured.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from contest import Run
from layouts import fusion_network
from PIL import Image
from record import Comparison, record

from camchex.fusion.camchex import CaMChex
from camchex.many_studies.asked import AskedImage, AskedStudy
from camchex.many_studies.ensemble import load_ensemble
from camchex.many_studies.predict_studies import predict_studies
from camchex.prediction.one_study import StudyInput, predict_study
from camchex.profiles.profiles import locate, validate_file

STUDIES = 256
SIDE = 96  # px: that of the demo's images
PROCESSES = 3
VITALS = {"temperature_f": 99.1, "heart_rate_bpm": 88.0}
TEXT = "Cough and fever for three days // ?PNA"


def drawn(folder: Path, studies: int, side: int) -> list[AskedStudy]:
    """Studies of a frontal and a lateral image each."""
    draw, found = np.random.default_rng(0), []
    shade = np.linspace(40, 200, side)[:, None] + np.linspace(0, 30, side)
    for number in range(studies):
        images = []
        for view in ("frontal", "lateral"):
            pixels = (shade + draw.normal(0, 6, (side, side))).clip(0, 255).astype(np.uint8)
            path = folder / f"{number}_{view}.jpg"
            Image.fromarray(pixels).save(path, quality=90)
            images.append(AskedImage(path, view))
        found.append(AskedStudy(f"s{number}", number + 1, tuple(images), TEXT, VITALS, "F"))
    return found


def by_table(model: Path, studies: list[AskedStudy], out: Path) -> float:
    """Studies per second of a table, reading, writing and loading the model included."""
    start = time.perf_counter()
    predict_studies(load_ensemble([model]), lambda: iter(studies), len(studies), out)
    return len(studies) / (time.perf_counter() - start)


def by_call(model: CaMChex, studies: list[AskedStudy]) -> float:
    """Studies per second of calls in one process, which has loaded the model before."""
    start = time.perf_counter()
    for study in studies:
        images = [(image.path, image.view) for image in study.images if image.view]
        predict_study(model, StudyInput(images, study.indication, study.vitals, study.gender))
    return len(studies) / (time.perf_counter() - start)


def by_process(model: Path, studies: list[AskedStudy]) -> float:
    """Studies per second of one command for each."""
    start = time.perf_counter()
    for study in studies:
        words = ["predict", "--model", str(model), "--indication", TEXT, "--json"]
        words += [w for image in study.images for w in (f"--{image.view}", str(image.path))]
        code = "from camchex.cli.app import main; main()"
        subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)  # noqa: S603 - ours
    return len(studies) / (time.perf_counter() - start)


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--side", type=int, default=SIDE, help="px of either side of an image")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="studies with a process")
    return parser.parse_args()


def main() -> None:
    """Measure all three on the same studies."""
    asked = arguments()
    torch.set_num_threads(1)
    profile = validate_file(locate("demo"))
    run = Run(profile, torch.device("cpu"), 0, 0, 1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        fusion_network(run).eval().save_pretrained(folder / "model")
        studies = drawn(folder, asked.studies, asked.side)
        model = CaMChex.from_pretrained(folder / "model")
        by_call(model, studies[:8])  # whatever the first call prepares
        calls = by_call(model, studies)
        table = by_table(folder / "model", studies, folder / "out.parquet")
        processes = by_process(folder / "model", studies[: asked.processes])
    what, unit = f"{asked.studies} studies of 2 images, {asked.side} px", "studies/s"
    rows = [
        Comparison(what, unit, table, "a call for each", calls, table / calls),
        Comparison(what, unit, table, "a process for each", processes, table / processes),
    ]
    record("many_studies", rows, {"threads": 1, "studies with a process": asked.processes})


if __name__ == "__main__":
    main()
