"""Files decoded by several processes, in order; a file that kills its process is set aside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import cv2

from camchex.contract.image_store import ImageParams
from camchex.errors import DataError
from camchex.images.jpeg import prepared_image
from camchex.images.stored_image import StoredImage
from camchex.images.unreadable import Note, Notes, Reason, UnreadableImage
from camchex.runs.processes import in_processes
from camchex.views.view_classifier import ViewClassifier

CHUNK = 16  # images that a worker takes at once: about half a second of work at full size
DOES = "decodes images"


class Outcome(NamedTuple):
    """What became of a file.

    Attributes:
        stamp: Its :func:`stamp`.
        found: Its image, or why there is none.
        notes: Decisions on an image that contradicts itself, each once.
    """

    stamp: str
    found: StoredImage | UnreadableImage
    notes: tuple[Note, ...] = ()


def stamp(path: Path) -> str:
    """Size and time of change, which differ once a file is replaced; empty if it is missing."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # a zero byte in the path
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def prepare_files(
    paths: Sequence[Path], params: ImageParams, classifier: ViewClassifier | None = None
) -> list[Outcome]:
    """Prepare some files for a store.

    An unreadable file is returned, not raised: one of 377,110 is counted, not fatal.
    """
    cv2.setNumThreads(1)  # the processes are the parallelism
    outcomes: list[Outcome] = []
    for path in paths:
        before, notes = stamp(path), Notes()
        try:
            image = prepared_image(path, params, notes, classifier)
            outcomes.append(Outcome(before, image, tuple(sorted(set(notes)))))
        except UnreadableImage as trouble:
            outcomes.append(Outcome(before, trouble))
    return outcomes


def decode_in_processes(
    paths: Iterable[Path],
    params: ImageParams,
    workers: int,
    classifier: ViewClassifier | None = None,
) -> Iterator[Outcome]:
    """Prepare files in order, with few of them in memory at a time.

    Args:
        paths: The files.
        params: Size, fit and quality.
        workers: Processes that decode; 0: this process does, and dies of what kills a decoder.
        classifier: As of :func:`camchex.images.jpeg.prepared_image`.

    Raises:
        DataError: If processes are killed whatever file they decode.
    """
    remaining = iter(paths)
    chunks = iter(lambda: list(islice(remaining, CHUNK)), [])
    prepare = partial(prepare_files, params=params, classifier=classifier)
    alone = partial(_one_by_one, prepare=prepare)
    for outcomes in in_processes(prepare, chunks, workers, DOES, alone):
        yield from outcomes


def _one_by_one(
    chunk: Sequence[Path], prepare: Callable[[Sequence[Path]], list[Outcome]]
) -> list[Outcome]:
    """Prepare files by one process in turn, so that it is known which file kills it."""
    outcomes = list(
        chain.from_iterable(in_processes(prepare, [[p] for p in chunk], 1, DOES, _crashed))
    )
    reasons = {
        one.found.reason if isinstance(one.found, UnreadableImage) else None for one in outcomes
    }
    if len(chunk) > 1 and reasons == {Reason.CRASHED}:
        raise DataError(
            f"Every process that decodes images was killed, at each of the {len(chunk)} files from "
            f"{chunk[0]} to {chunk[-1]}: most likely because memory ran out. "
            "Lower `runtime.workers` in params.yaml."
        )
    return outcomes


def _crashed(paths: Sequence[Path]) -> list[Outcome]:
    return [Outcome(stamp(path), UnreadableImage(path, Reason.CRASHED)) for path in paths]
