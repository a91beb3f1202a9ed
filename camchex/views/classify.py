"""The view of images of which no header tells it, and how good a classifier decides it."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts, hidden_values, is_small, shown_positives
from camchex.contract import schemas
from camchex.contract.image_store import ImageStore
from camchex.contract.tables import require_disjoint_patients
from camchex.errors import DataError
from camchex.views.params import ViewParams
from camchex.views.train import READ_SIDE, Bools, Known, train_classifier, with_every_trait
from camchex.views.view_classifier import (
    EVEN,
    SIDE,
    TRAITS,
    Pixels,
    ViewClassifier,
    ViewClassifierConfig,
    square,
)

MOST = 5000  # images of each view that are read from a split
SEED = 0
CHUNK = 256  # images that are in memory at full size


def classify_views(
    images: pa.Table, studies: pa.Table, store: ImageStore, params: ViewParams, min_cell: int
) -> tuple[pa.Table, ViewClassifier | None, Counts]:
    """Train on training images of known view, measure on development images, decide the unknown.

    Args:
        images: ``schemas.IMAGES``; the source of an unknown view is ``schemas.UNKNOWN_VIEW``.
        studies: ``schemas.STUDIES``, which hold the splits.
        store: The prepared images; an image that is not prepared is left out.
        params: Whether to do any of this, and how sure a decision must be.
        min_cell: Smallest count that may be shown.

    Returns:
        ``schemas.VIEWS`` of the images of unknown view; the classifier; and counts (aggregates,
        small cells not hidden). Where ``params`` switch it off: no row, None, "off".

    Raises:
        DataError: If a patient is in two splits, or the training split lacks images of a view.
    """
    if not params.classifier:
        return schemas.VIEWS.empty_table(), None, {"classifier": "off"}
    require_disjoint_patients(studies)
    split = studies["split"].take(pc.index_in(images["study_id"], studies["study_id"]))
    ids = pa.array(store.image_ids, pa.string())
    prepared = images.append_column("split", split).filter(pc.is_in(images["image_id"], ids))
    is_unknown = pc.equal(prepared["view_source"], schemas.UNKNOWN_VIEW)
    known, unknown = prepared.filter(pc.invert(is_unknown)), prepared.filter(is_unknown)
    train = _read_known(known, "train", store, READ_SIDE)
    for view, number in _by_view(train.lateral).items():
        if not number:
            raise DataError(
                f"{store.folder}: no prepared training image is known to be {view}, so that views "
                "cannot be learnt. Set views.classifier to false."
            )
    trained = ViewClassifier(train_classifier(train), ViewClassifierConfig())
    development = _read_known(known, "development", store, SIDE)
    measured, accuracy = _measure(trained, development, params.confidence, min_cell)
    config = ViewClassifierConfig(confidence=params.confidence, accuracy=accuracy)
    views = _decide(trained, unknown["image_id"], store, params.confidence)
    counts: Counts = {
        "classifier": "on",
        "trained_on": _by_view(train.lateral),
        "development": measured,
        "unknown": count_decided(views, min_cell),
    }
    return views, ViewClassifier(trained.weights, config), counts


def _by_view(lateral: Bools) -> dict[str, int]:
    return {"frontal": int((~lateral).sum()), "lateral": int(lateral.sum())}


def _read_known(images: pa.Table, split: str, store: ImageStore, side: int) -> Known:
    """Read images of a split: those of either view, up to ``MOST`` chosen by a fixed draw."""
    images = images.filter(pc.equal(images["split"], split)).sort_by("image_id")
    is_lateral = pc.equal(images["view"], "lateral").to_numpy()
    draw = np.random.default_rng(SEED)
    chosen = [draw.permutation(np.flatnonzero(is_lateral == v))[:MOST] for v in (False, True)]
    rows = np.sort(np.concatenate(chosen))
    squares = _read(images["image_id"].take(rows).to_pylist(), store, side)
    return Known(squares, is_lateral[rows])


def _read(image_ids: Sequence[str], store: ImageStore, side: int) -> Pixels:
    """Read images as grey squares, (N, side, side)."""
    rows = store.rows(image_ids)
    squares = np.empty((len(rows), side, side), np.uint8)
    for start in range(0, len(rows), CHUNK):
        for place, image in enumerate(store.batch(rows[start : start + CHUNK]), start):
            squares[place] = square(image, side)
    return squares


def _measure(
    classifier: ViewClassifier, known: Known, confidence: float, min_cell: int
) -> tuple[Counts, dict[str, float | None]]:
    """Count right and wrong answers: of the view on images as they are, else on made examples.

    Returns:
        Counts, and the least accuracy of each of ``TRAITS``.
    """
    examples, traits = with_every_trait(known)
    found = classifier.probabilities(examples)
    right = (found > EVEN) == traits.astype(bool)
    view_right, lateral = right[: len(known.lateral), 0], found[: len(known.lateral), 0]
    is_sure = np.maximum(lateral, 1 - lateral) >= confidence
    accuracy = {
        "lateral": least_accuracy(view_right, min_cell),
        **{t: least_accuracy(right[:, TRAITS.index(t)], min_cell) for t in TRAITS[1:]},
    }
    confusion = {
        view: {"right": shown_positives(*_number(view_right[part]), min_cell)}
        | {"wrong": int((~view_right[part]).sum())}
        for view, part in (("frontal", ~known.lateral), ("lateral", known.lateral))
    }
    return {
        **confusion,
        "accuracy_at_least": accuracy,
        "sure": shown_positives(*_number(is_sure), min_cell),
        "accuracy_at_least_where_sure": least_accuracy(view_right[is_sure], min_cell),
    }, accuracy


def least_accuracy(right: Bools, min_cell: int) -> float | None:
    """The share of right answers, to four digits, rounded down; None for fewer than ``min_cell``.

    A small number of wrong answers counts as ``min_cell`` less 1, so that it is not told.
    """
    wrong = int((~right).sum())
    wrong = min_cell - 1 if is_small(wrong, min_cell) else wrong
    return (len(right) - wrong) * 10000 // len(right) / 10000 if len(right) >= min_cell else None


def _decide(
    classifier: ViewClassifier, image_ids: pa.ChunkedArray, store: ImageStore, confidence: float
) -> pa.Table:
    """Look at images of unknown view: ``schemas.VIEWS``."""
    ids = sorted(image_ids.to_pylist())
    found = classifier.probabilities(_read(ids, store, SIDE))
    lateral = found[:, 0]
    sure = np.maximum(lateral, 1 - lateral)
    view = np.where(lateral > EVEN, "lateral", "frontal")
    columns = [
        pa.array(ids, pa.string()),
        pa.array(view, pa.string(), mask=sure < confidence),
        pa.array(sure),
        pa.array(found[:, 1]),
        pa.array(found[:, 2]),
    ]
    return pa.table(columns, schema=schemas.VIEWS)


def count_decided(views: pa.Table, min_cell: int) -> Counts:
    """Count decisions; those that would tell a small number by the total are null."""
    decided = pc.fill_null(views["view"], "below_confidence").to_numpy()
    names = ("frontal", "lateral", "below_confidence")
    number = {name: int((decided == name).sum()) for name in names}
    hidden = hidden_values({name: n for name, n in number.items() if n}, min_cell)
    looks = {f"looks_{t}": int(np.sum(views[t].to_numpy() > EVEN)) for t in TRAITS[1:]}
    shown = {name: None if name in hidden else n for name, n in number.items()}
    return {"images": views.num_rows, **shown, **looks}


def _number(flags: Bools) -> tuple[int, int]:
    """Count what is true, and what is not."""
    return int(flags.sum()), int((~flags).sum())
