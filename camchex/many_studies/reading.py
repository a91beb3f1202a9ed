"""What a model reads of a study: images chosen, decoded and prepared, texts as they are read.

No network is needed, so that other processes can do this while the network computes.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camchex.contract.files import sha256
from camchex.contract.image_store import ImagePreparation
from camchex.contract.schemas import VIEW_NAMES, VITAL_SIGNS
from camchex.errors import DataError
from camchex.fusion.image_choice import first_images, image_groups
from camchex.images.jpeg import prepared_image
from camchex.images.unreadable import Notes, Reason, UnreadableImage
from camchex.many_studies.asked import CLASSIFIER, AskedImage, AskedStudy
from camchex.many_studies.colours import PhotographError, require_one_tint
from camchex.networks.batches import Rows
from camchex.prediction.one_study import StudyInput
from camchex.prediction.unknown_views import look_at_images
from camchex.runs.processes import in_processes
from camchex.texts.cleaning import clean_indication
from camchex.texts.params import Cleaner
from camchex.texts.vitals_text import vitals_text
from camchex.views.view_classifier import ViewClassifier

DOES = "reads studies"
NOT_ENOUGH = "not enough to go on"
NO_IMAGE = f"{NOT_ENOUGH}: no image"


@dataclass(frozen=True)
class HowToRead:
    """What a model, or every model of an ensemble, reads of a study.

    Attributes:
        preparation: Size, fit and quality of the images.
        cleaner: Rule by which an indication is cleaned.
        max_images: Images of a study that are read at once; 0: the model reads none.
        average: Whether further images are read in groups, and the probabilities averaged.
        inputs: Inputs that the model reads: images, indication, vitals.
        classifier: Decides the view of an image of which nobody says it.
    """

    preparation: ImagePreparation
    cleaner: Cleaner
    max_images: int
    average: bool
    inputs: frozenset[str]
    classifier: ViewClassifier | None = None


@dataclass(frozen=True)
class ReadStudy:
    """A study ready for the network, or why it is not.

    Attributes:
        asked: The study as asked for, its views known as far as they could be decided.
        refusal: Why there is not enough to go on.
        problem: Why it could not be read.
        jpegs: The images that are read, prepared.
        images: Those images.
        sha256: Digest of the file of each, in hexadecimal.
        lateral: Which of the images are lateral, for each group that is read at once.
        indication: Cleaned; None: none.
        vitals: Vital signs as text.
        notes: Decisions on images.
    """

    asked: AskedStudy
    refusal: str | None = None
    problem: str | None = None
    jpegs: tuple[bytes, ...] = ()
    images: tuple[AskedImage, ...] = ()
    sha256: tuple[str, ...] = ()
    lateral: tuple[NDArray[np.bool_], ...] = ()
    indication: str | None = None
    vitals: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def is_whole(self) -> bool:
        """Whether a network can read it."""
        return self.refusal is None and self.problem is None

    def pixels(self) -> NDArray[np.uint8]:
        """Decode the images: grey levels (M, size, size)."""
        return np.stack([simplejpeg.decode_jpeg(jpeg, "GRAY")[..., 0] for jpeg in self.jpegs])

    def missing(self, inputs: Iterable[str]) -> list[str]:
        """Name what is not known of the study, of the inputs that a model reads."""
        asked, views = self.asked, {image.view for image in self.images}
        known: Mapping[str, Mapping[str, object]] = {
            "images": {view: view in views for view in VIEW_NAMES},
            "indication": {"indication": self.indication},
            "vitals": {**dict.fromkeys(VITAL_SIGNS), **asked.vitals, "gender": asked.gender},
        }
        of_inputs = chain.from_iterable(known[name].items() for name in known if name in inputs)
        return [name for name, value in of_inputs if not value]

    def digest(self) -> str:
        """SHA-256 of everything that the network reads of the study, in hexadecimal."""
        views = [image.view for image in self.images]
        parts = [list(self.sha256), views, self.indication, self.vitals]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_in_processes(
    chunks: Iterable[Sequence[AskedStudy]], how: HowToRead, workers: int
) -> Iterator[list[ReadStudy]]:
    """Read studies, chunk by chunk in their order, with few chunks in memory at a time.

    Args:
        chunks: The studies.
        how: What the model reads.
        workers: Processes that read; 0: this process does, and dies of what kills a decoder.

    Raises:
        DataError: If processes are killed whatever they read.
    """
    read = partial(read_chunk, how=how)
    return in_processes(read, chunks, workers, DOES, partial(_one_by_one, read=read))


def read_chunk(chunk: Sequence[AskedStudy], how: HowToRead) -> list[ReadStudy]:
    """Read some studies; what is wrong with one is part of its result, never an error."""
    cv2.setNumThreads(1)  # the processes are the parallelism
    return [read_study(asked, how) for asked in chunk]


def _one_by_one(
    chunk: Sequence[AskedStudy], read: Callable[[Sequence[AskedStudy]], list[ReadStudy]]
) -> list[ReadStudy]:
    """Read studies by one process in turn, so that it is known which one kills it."""
    alone = in_processes(read, [[asked] for asked in chunk], 1, DOES, _crashed)
    return list(chain.from_iterable(alone))


def _crashed(chunk: Sequence[AskedStudy]) -> list[ReadStudy]:
    return [ReadStudy(asked, problem=f"an image {Reason.CRASHED}") for asked in chunk]


def read_study(asked: AskedStudy, how: HowToRead) -> ReadStudy:
    """Read one study as ``camchex.prediction.one_study`` does, or say why it cannot be read."""
    if asked.problem is not None:
        return ReadStudy(asked, problem=asked.problem)
    try:
        for image in asked.images:
            _require_usable(image.path)
        asked = _with_views(asked, how) if how.max_images else asked
        if how.max_images and not asked.images:
            return ReadStudy(asked, refusal="; ".join([NO_IMAGE, *asked.notes]))
        return _read(asked, how)
    except UnreadableImage as error:
        if asked.drops_unclear:
            return read_study(_without(asked, error), how)
        empty = f"{NOT_ENOUGH}: {error}" if error.reason is Reason.NO_CONTRAST else None
        return ReadStudy(asked, refusal=empty, problem=None if empty else str(error))
    except (DataError, OSError) as error:
        refusal = f"{NOT_ENOUGH}: {error}" if isinstance(error, PhotographError) else None
        return ReadStudy(asked, refusal=refusal, problem=None if refusal else str(error))


def _without(asked: AskedStudy, error: UnreadableImage) -> AskedStudy:
    """The study without an image that cannot be read, which is noted."""
    kept = tuple(image for image in asked.images if image.path != error.path)
    note = f"{error.path}: set aside: {error.explanation}"
    return replace(asked, images=kept, notes=(*asked.notes, note))


def _with_views(asked: AskedStudy, how: HowToRead) -> AskedStudy:
    """Decide the views that nobody says.

    Raises:
        DataError: If one is not clear, unless such images are to be set aside.
    """
    images, notes = [], list(asked.notes)
    for image in asked.images:
        if image.view is not None:
            images.append(image)
            continue
        try:
            seen = look_at_images([image.path], how.classifier, how.preparation)[image.path]
        except DataError as error:
            if not asked.drops_unclear:
                raise
            notes.append(f"set aside: {error}")
            continue
        source = f"{CLASSIFIER}, {seen.confidence:.3f}"
        images.append(AskedImage(image.path, seen.view, source))
        notes += [f"{image.path}: looks {trait}" for trait in seen.oddities]
    return replace(asked, images=tuple(images), notes=tuple(notes))


def _require_usable(path: Path) -> None:
    """Refuse a path that cannot be written into the results, or that the system cannot follow.

    Raises:
        UnreadableImage: Saying why.
    """
    try:
        str(path).encode()
        path.resolve()
    except UnicodeEncodeError as error:
        why = "its name is not UTF-8: rename the file, or the folder"
        raise UnreadableImage(path, Reason.NOT_OPENED, why) from error
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself; a zero byte
        raise UnreadableImage(path, Reason.NOT_OPENED, str(error)) from error


def _read(asked: AskedStudy, how: HowToRead) -> ReadStudy:
    known = [(image.path, image.view) for image in asked.images if image.view]
    StudyInput(known, asked.indication, asked.vitals, asked.gender)  # refuses what is misread
    lateral = np.array([image.view == "lateral" for image in asked.images], dtype=bool)
    groups = _groups(lateral, how)
    chosen = np.concatenate(groups)
    notes, jpegs, digests = list(asked.notes), [], []
    for image in (asked.images[place] for place in chosen):
        decided = Notes()
        jpegs.append(prepared_image(image.path, how.preparation, decided, how.classifier).jpeg)
        require_one_tint(image.path)
        digests.append(sha256(image.path))
        notes += [f"{image.path}: {note}" for note in decided]
    for place in sorted({*range(len(lateral))} - {*chosen.tolist()}) if how.max_images else ():
        most = f"not read: the model takes {how.max_images} images of a study"
        notes.append(f"{asked.images[place].path}: {most}")
    return ReadStudy(
        asked,
        jpegs=tuple(jpegs),
        images=tuple(asked.images[place] for place in chosen),
        sha256=tuple(digests),
        lateral=tuple(lateral[group] for group in groups),
        indication=clean_indication(asked.indication or "", how.cleaner),
        vitals=vitals_text(asked.vitals, asked.gender),
        notes=tuple(notes),
    )


def _groups(lateral: NDArray[np.bool_], how: HowToRead) -> list[Rows]:
    """Choose images as for one study: positions, for each group that is read at once."""
    if how.average and how.max_images:
        return image_groups(lateral, how.max_images)
    return [first_images(lateral, how.max_images)]
