"""What several readings of the same studies have in common, computed once."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_maps import HeldMaps, StudyMaps
from camchex.fusion.params import INPUTS, Modality
from camchex.fusion.study_batch import Tokens, pack_studies
from camchex.fusion.study_data import StudySamples, reader_of
from camchex.fusion.study_fusion import InputTokens
from camchex.networks.batches import Rows
from camchex.networks.image_encoder import ImageEncoder

Scalar = TypeVar("Scalar", np.int64, np.bool_)


def images_by_encoder(model: CaMChex, readings: Sequence[StudySamples]) -> list[Rows]:
    """List the images that each encoder of a model reads: positions in the store, ascending."""
    rows = _joined([rows for read in readings for rows in read.rows], np.int64)
    lateral = _joined([views for read in readings for views in read.lateral], np.bool_)
    by_view = len(model.image_encoders) > 1
    sides = [~lateral, lateral] if by_view else [np.ones_like(lateral)]
    return [np.unique(rows[side]) for side in sides]


def encode(model: CaMChex, images: Tensor, rows: Rows, by_encoder: Sequence[Rows]) -> StudyMaps:
    """Encode images: view 0 of the result is of them as they are, view 1 of their mirrors.

    A model that has learnt from no mirrored image has no view 1.

    Args:
        model: The model.
        images: Images (M, 1, H, W) in [0, 1], on the device of the model.
        rows: Their positions in the store, ascending, (M,).
        by_encoder: Those of the images that each encoder reads.
    """
    places = [torch.from_numpy(np.searchsorted(rows, wanted)) for wanted in by_encoder]
    encoders: list[ImageEncoder | None] = [*model.image_encoders] or [None]

    def seen(view: Tensor) -> list[HeldMaps]:
        """Encode what each encoder reads of one view."""
        nothing = view.new_empty(0, 0, 0, 0)
        return [
            HeldMaps(wanted, encoder(view[at]) if encoder is not None and len(at) else nothing)
            for encoder, wanted, at in zip(encoders, by_encoder, places, strict=True)
        ]

    return StudyMaps([seen(view) for view in ([images, images.flip(-1)][: 1 + model.mirrored])])


def read_once(
    model: CaMChex, maps: StudyMaps, readings: Sequence[StudySamples]
) -> Iterator[dict[Modality, InputTokens]]:
    """Read the inputs of several readings by themselves, each distinct input once.

    Args:
        model: The model; no mmbt, which reads all inputs together.
        maps: Maps of all images, as :func:`encode` gives them.
        readings: What is read of some studies, each time.

    Yields:
        For each reading what the model fuses: of its studies under view 0, then under view 1.
    """
    count = len(maps.views)
    studies = [pair for one in readings for pair in zip(one.rows, one.lateral, strict=True)]
    keys: dict[Modality, list[Any]] = {
        "images": [(rows.tobytes(), lateral.tobytes()) for rows, lateral in studies],
        "indication": [text for one in readings for text in one.indications],
        "vitals": [text for one in readings for text in one.vitals],
    }
    alone: dict[Modality, InputTokens] = {}
    places: dict[Modality, Tensor] = {}
    for name in [name for name in INPUTS if name in model.config.fusion.inputs]:
        firsts, place = _distinct(keys[name])
        if name != "images":
            alone[name] = _texts_alone(model, name, [keys[name][first] for first in firsts])
            places[name] = place.expand(count, -1)
        elif found := _images_alone(model, maps, [studies[first] for first in firsts]):
            alone[name] = found
            places[name] = place + len(firsts) * torch.arange(count)[:, None]
    for start, stop in pairwise(np.cumsum([0, *map(len, readings)]).tolist()):
        chosen = {name: places[name][:, start:stop].flatten() for name in alone}
        yield {name: _taken(model, read, chosen[name]) for name, read in alone.items()}


def _distinct(keys: Iterable[Hashable]) -> tuple[list[int], Tensor]:
    """Find where each distinct key stands first, and which of the distinct ones each key is."""
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(key, len(numbers)) for key in keys]
    firsts = np.unique(places, return_index=True)[1].tolist()
    return firsts, torch.tensor(places)


def _images_alone(
    model: CaMChex, maps: StudyMaps, studies: Sequence[tuple[Rows, NDArray[np.bool_]]]
) -> InputTokens | None:
    """Read the images of studies by themselves, view after view; None if there is nothing."""
    rows = _joined([rows for rows, _ in studies], np.int64)
    lateral = [views for _, views in studies]
    count = len(maps.views)
    images = torch.cat([maps.read(rows, _joined(lateral, np.bool_), view) for view in range(count)])
    lateral = lateral * count
    none = Tokens(*(torch.zeros(len(lateral), 0, dtype=kind) for kind in (torch.long, torch.bool)))
    batch = model.maps_of(pack_studies(images, lateral, none, none).to(images.device))
    return None if batch is None else model.read_images(batch)


def _texts_alone(model: CaMChex, name: Modality, texts: Sequence[Any]) -> InputTokens:
    """Read texts of one kind by themselves."""
    reader = reader_of(model)
    encoded = reader.indications(texts) if name == "indication" else reader.vitals(texts)
    tokens = encoded.to(next(model.parameters()).device)
    return model.read_text(name, tokens, model.encode_texts({name: tokens})[name])


def _taken(model: CaMChex, read: InputTokens, rows: Tensor) -> InputTokens:
    """Select studies, and leave out the slots of images that none of them fills."""
    taken = read.take(rows.to(read.given.device))
    if not model.config.fusion.mask_padding:  # each study has all slots
        return taken
    used = ~taken.absent.all(dim=0)
    return taken._replace(tokens=taken.tokens[:, used], absent=taken.absent[:, used])


def _joined(parts: Sequence[NDArray[Scalar]], dtype: type[Scalar]) -> NDArray[Scalar]:
    return np.concatenate([np.empty(0, dtype), *parts])
