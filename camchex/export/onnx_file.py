"""A trained CaMChex as an ONNX file, which onnxruntime computes without torch."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from camchex import NOT_A_DEVICE
from camchex.contract.files import whole_file
from camchex.errors import ModelError
from camchex.export.plain import NUMBERS, VIEWS, PlainCaMChex, plain_inputs
from camchex.fusion.camchex import CaMChex
from camchex.fusion.study_batch import StudyBatch

FILE, OUTPUT = "model.onnx", "probabilities"
OPSET = 20
READER = "onnxruntime"
WRITERS = ("onnx", "onnxscript", READER)  # a file is checked once it is written
INSTALL = "pip install 'camchex[onnx]'"
MOST_BYTES = 2**31 - 2**24  # of weights: a file of Protocol Buffers ends at 2 GiB
STUDIES, SLOTS, EXAMPLES, TOKENS = 3, 2, 4, 5
"""Sizes to trace with. Any would do but 0 and 1, which torch takes for fixed."""
FREE: Mapping[str, Mapping[int, str]] = {
    "frontal": {0: "frontal_images"},
    "lateral": {0: "lateral_images"},
    NUMBERS: {0: "studies", 1: "slots"},
    "indication_ids": {0: "studies", 1: "indication_tokens"},
    "indication_mask": {0: "studies", 1: "indication_tokens"},
    "vitals_ids": {0: "studies", 1: "vitals_tokens"},
    "vitals_mask": {0: "studies", 1: "vitals_tokens"},
}
"""Free dimensions of each input, by number."""


def write_onnx(model: CaMChex, path: Path) -> None:
    """Write the graph of :class:`~camchex.export.plain.PlainCaMChex`, with its weights.

    Properties of the file hold the classes in the order of the output, as a list of JSON.

    Raises:
        ModelError: If a library is missing, or the weights are too large for one file.
    """
    if missing := [name for name in WRITERS if find_spec(name) is None]:
        raise ModelError(f"{path}: {', '.join(missing)} is not installed: {INSTALL}")
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    if size > MOST_BYTES:
        raise ModelError(f"{path}: {size:,} bytes of weights; ONNX holds {MOST_BYTES:,} in a file")
    plain = PlainCaMChex(model)
    given = _examples(plain)
    with _exportable(), torch.inference_mode():
        program = torch.onnx.export(
            plain,
            tuple(given.values()),
            input_names=[*given],
            output_names=[OUTPUT],
            dynamic_shapes=(tuple(FREE[name] for name in given),),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None  # nothing was written
    graph: Any = program.model
    for node in graph.graph.all_nodes():
        node.metadata_props.clear()  # which name folders of this machine
    graph.metadata_props.update(classes=json.dumps(model.classes), note=NOT_A_DEVICE)
    with whole_file(path) as file:
        program.save(file.name, external_data=False)


def onnx_probabilities(folder: Path, model: CaMChex, batch: StudyBatch) -> Tensor:
    """Compute the probabilities (B, Q) of a batch of studies by the ONNX file of a folder.

    Args:
        folder: The model folder.
        model: The model of the folder, which says what the file reads.
        batch: Studies on the CPU, their images in [0, 1].

    Raises:
        ModelError: If onnxruntime is not installed, or it cannot read or compute the file.
    """
    if find_spec(READER) is None:
        raise ModelError(f"{folder / FILE}: {READER} is not installed: {INSTALL}")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    refusals = (
        *(errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf),
        *(errors.NoSuchFile, errors.NotImplemented, errors.RuntimeException),
    )
    given = {name: tensor.numpy() for name, tensor in plain_inputs(model, batch).items()}
    try:
        session = onnxruntime.InferenceSession(folder / FILE, providers=["CPUExecutionProvider"])
        (found,) = session.run([OUTPUT], given)
    except (*refusals, ValueError) as error:
        raise ModelError(f"{folder / FILE}: {READER} cannot compute it: {error}") from error
    return torch.from_numpy(found)


def _examples(plain: PlainCaMChex) -> dict[str, Tensor]:
    """Inputs to trace with; their values do not matter."""
    side = plain.model.image_size
    images = partial(torch.zeros, EXAMPLES, 1, side, side)
    found = dict.fromkeys(VIEWS, images())
    found[NUMBERS] = torch.arange(STUDIES * SLOTS).reshape(STUDIES, SLOTS)
    text = torch.full((STUDIES, TOKENS), plain.model.tokenizer.start)
    return {name: found.get(name, text).clone() for name in plain.names}


@contextmanager
def _exportable() -> Iterator[None]:
    """Make what a network does traceable, while it is traced.

    The fused attention of torch's evaluation mode cannot be. What the libraries say of their own
    steps is left out.
    """
    before, log = torch.backends.mha.get_fastpath_enabled(), logging.getLogger("onnxscript")
    level = log.level
    log.setLevel(logging.ERROR)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "# The axis name: .* will not be used")
            yield
    finally:
        log.setLevel(level)
        torch.backends.mha.set_fastpath_enabled(before)
