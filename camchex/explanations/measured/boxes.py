"""Maps of real images, scored on the boxes that readers drew (VinBigData).

Each image is explained as a study of its own, without any text. A finding is where at least two
readers drew a box around it; the place to hit is what at least two of their boxes cover, or all
boxes where no two overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from camchex.aggregates.results import Results
from camchex.contract import arithmetic
from camchex.contract.image_store import Fit
from camchex.errors import DataError
from camchex.explanations import maps
from camchex.explanations.answer import Answer
from camchex.explanations.measured import pointing
from camchex.explanations.measured.judged import Measured, judged, means
from camchex.explanations.measured.pointing import ENERGY, HIT
from camchex.explanations.measured.studies import UNTRAINED, named, with_random_weights
from camchex.fusion.camchex import CaMChex
from camchex.images.decode import read_image
from camchex.images.resize import fit_square
from camchex.prediction.one_study import StudyInput, study_batch
from camchex.runs.processes import in_processes
from camchex.runs.progress import progress
from camchex.sources.boxes import Box

Bools = NDArray[np.bool_]
READERS = 2  # who must have drawn a box
CHOSEN_ON, JUDGED_ON = 40, 400  # images, drawn by SEED
SEED = 0
GREY = 255


@dataclass(frozen=True)
class BoxedImage:
    """One image with its boxes.

    Attributes:
        number: Its number.
        path: The file.
        boxes: Its boxes.
        methods: Methods to measure.
        untrained: Whether they are measured on random weights, too.
    """

    number: int
    path: Path
    boxes: tuple[Box, ...]
    methods: tuple[str, ...]
    untrained: bool = False


def measure_boxes(
    model: Path, files: Mapping[str, Path], boxes: Sequence[Box], workers: int, *, portable: bool
) -> Results:
    """Compare all maps on some images, and judge the best on others.

    Args:
        model: Folder of the model.
        files: File of each image.
        boxes: All boxes.
        workers: Processes.
        portable: Whether arithmetic is pinned.

    Returns:
        ``candidates``, ``methods`` and ``maps``, as of invented studies.

    Raises:
        DataError: If no image has boxes of two readers, or one cannot be read.
    """
    by_image: dict[str, list[Box]] = {}
    for box in boxes:
        if box.image_id in files:
            by_image.setdefault(box.image_id, []).append(box)
    agreed = {name: own for name, own in sorted(by_image.items()) if agreed_findings(own)}
    if not agreed:
        raise DataError(f"no image has boxes of {READERS} readers around one finding")
    order = np.random.default_rng(SEED).permutation(len(agreed))[: CHOSEN_ON + JUDGED_ON]
    images = [[*agreed.items()][number] for number in order]
    measure = partial(_measure, model=model, portable=portable)

    def run(part: slice, methods: tuple[str, ...], *, untrained: bool) -> list[Measured]:
        wanted = [
            BoxedImage(number, files[name], tuple(own), methods, untrained)
            for number, (name, own) in enumerate(images[part])
        ]
        done = in_processes(measure, wanted, workers, "explains images")
        return [row for rows in progress(done, "explaining", len(wanted)) for row in rows]

    candidates = means(run(slice(CHOSEN_ON), tuple(maps.METHODS), untrained=False))
    method = max(maps.METHODS, key=lambda name: (candidates[name][HIT], name))
    rows = run(slice(CHOSEN_ON, None), (method,), untrained=True)
    return {
        "candidates": {"studies": len(images[:CHOSEN_ON]), "maps": candidates},
        "methods": {"maps": method},
        "maps": judged(rows, method, ENERGY),
    }


def agreed_findings(boxes: Sequence[Box]) -> list[str]:
    """Findings around which enough readers drew a box, in alphabetical order."""
    readers: dict[str, set[str]] = {}
    for box in boxes:
        readers.setdefault(box.finding, set()).add(box.reader)
    return sorted(name for name, some in readers.items() if len(some) >= READERS)


def box_mask(boxes: Sequence[Box], shape: tuple[int, int], size: int, fit: Fit) -> Bools:
    """Find the pixels that boxes of at least two readers cover, or any box if there are none.

    Args:
        boxes: Boxes around one finding in one image.
        shape: (rows, columns) of the published image.
        size: Pixels of either side of the images that a model is given.
        fit: How images are made square.

    Returns:
        The mask, (size, size).
    """
    covered: dict[str, Bools] = {}
    for box in boxes:
        own = covered.setdefault(box.reader, np.zeros(shape, np.bool_))
        own[int(box.top) : int(np.ceil(box.bottom)), int(box.left) : int(np.ceil(box.right))] = True
    count = np.sum([*covered.values()], axis=0)
    mask = count >= min(READERS, int(count.max()))
    square = fit_square(mask.astype(np.uint8) * np.uint8(GREY), size, fit)
    return np.asarray(square > GREY // 2)


@cache
def _models(folder: Path, portable: bool) -> dict[str, CaMChex]:  # noqa: FBT001 - cached by it
    if portable:
        arithmetic.pin()
    torch.set_num_threads(1)
    model = CaMChex.from_pretrained(folder)
    return {"": model, UNTRAINED: with_random_weights(model)}


def _measure(wanted: BoxedImage, *, model: Path, portable: bool) -> list[Measured]:
    models = _models(model, portable)
    trained = models[""]
    batch = study_batch(trained, StudyInput([(wanted.path, "frontal")]))
    kinds = ("", UNTRAINED) if wanted.untrained else ("",)
    answers = {kind: Answer(models[kind], batch) for kind in kinds}
    present = [name for name in agreed_findings(wanted.boxes) if name in trained.classes]
    numbers = [trained.classes.index(name) for name in present]
    found = {
        named(method, kind): maps.METHODS[method](answer, 0, numbers)
        for method in wanted.methods
        for kind, answer in answers.items()
    }
    known = pointing.baselines(batch.images[0, 0].numpy())
    shape, fit = read_image(wanted.path).shape, trained.config.preparation.fit
    rows = []
    for place, name in enumerate(present):
        own = [box for box in wanted.boxes if box.finding == name]
        mask = box_mask(own, (shape[0], shape[1]), trained.image_size, fit)
        scored = {kind: pointing.scores(one[place], mask) for kind, one in found.items()}
        scored |= {kind: pointing.scores(one, mask) for kind, one in known.items()}
        rows.append(Measured(wanted.number, name, "frontal", scored))
    return rows
