"""Seconds of a prediction by onnxruntime, from the file of ``camchex export --onnx``, and by torch.

The same studies of noise, with as many images as those of CXR-LT, through the same untrained
networks, in turns, in processor time of one thread. What comes before the network (decoding,
tokens) is the same for both, and not timed. Run it as ``python benchmarks/onnx_speed.py``, in the
project's folder; ``--profile paper --batches 1 4 --repeats 3`` takes networks of the published
sizes.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from contest import Run
from layouts import fusion_network
from record import Comparison, record
from torch import Tensor
from turns import seconds

from camchex.estimate.random_batches import images_of_studies, random_studies
from camchex.export.onnx_file import FILE, OUTPUT, write_onnx
from camchex.export.plain import plain_inputs
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch
from camchex.networks.batches import to_unit_range
from camchex.networks.inference import flip_average
from camchex.profiles.profiles import locate, validate_file

BATCHES = (1, 32)  # studies: one study, and the chunk of many
Ways = Mapping[str, Callable[[], Tensor]]


def session_of(path: Path) -> onnxruntime.InferenceSession:
    """The file, computed on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def ways(model: CaMChex, session: onnxruntime.InferenceSession, batch: StudyBatch) -> Ways:
    """Both ways to the probabilities of a batch."""

    def by_torch() -> Tensor:
        with torch.inference_mode():
            return flip_average(model, batch)

    def by_onnxruntime() -> Tensor:
        given = {name: tensor.numpy() for name, tensor in plain_inputs(model, batch).items()}
        return torch.from_numpy(session.run([OUTPUT], given)[0])

    return {"torch": by_torch, "onnxruntime": by_onnxruntime}


def arguments() -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--profile", default="demo", help="whose networks")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="studies at once")
    parser.add_argument("--repeats", type=int, default=15)
    return parser.parse_args()


def main() -> None:
    """Measure every size of a batch."""
    asked = arguments()
    torch.set_num_threads(1)
    run = Run(validate_file(locate(asked.profile)), torch.device("cpu"), 0, 0, asked.repeats)
    draw, rows, apart = np.random.default_rng(0), [], 0.0
    model = fusion_network(run).eval()
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        write_onnx(model, path)
        session = session_of(path)
    for count in asked.batches:
        images = images_of_studies(count, draw) if count > 1 else [2]
        studies = random_studies(images, model, draw).map_images(to_unit_range).inputs
        both = ways(model, session, studies)
        ours, theirs = (call() for call in both.values())  # whatever a first call prepares
        apart = max(apart, float((ours - theirs).abs().max()))
        taken = {name: 1000 * found / count for name, found in seconds(both, asked.repeats).items()}
        what = f"{count} studies at once, {model.image_size} px"
        ratio = taken["torch"] / taken["onnxruntime"]
        rows.append(
            Comparison(what, "ms a study", taken["onnxruntime"], "torch", taken["torch"], ratio)
        )
    suffix = "" if asked.profile == "demo" else f"_{asked.profile}"
    record(
        f"onnx_speed{suffix}",
        rows,
        {
            "threads": 1,
            "largest difference of a probability": apart,
            "versions": f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}",
        },
    )


if __name__ == "__main__":
    main()
