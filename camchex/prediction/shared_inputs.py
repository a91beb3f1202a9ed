"""What several readings of the same studies have in common, computed once: maps and embeddings."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_maps import HeldMaps, StudyMaps
from camchex.fusion.params import Modality
from camchex.fusion.study_data import StudySamples, reader_of
from camchex.fusion.tokenizer import NO_INDICATION
from camchex.networks.batches import Rows
from camchex.networks.image_encoder import ImageEncoder

KINDS: tuple[Modality, ...] = ("indication", "vitals")
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


class SharedTexts:
    """Embeddings of texts by a model, each computed when it is first read."""

    def __init__(self, model: CaMChex) -> None:
        self.model, self.reader = model, reader_of(model)
        fusion = model.config.fusion
        self.kinds = set(fusion.inputs) if fusion.architecture == "camchex" else set()
        self.known: dict[Modality, dict[str, Tensor]] = {kind: {} for kind in KINDS}

    def embeddings(self, samples: StudySamples) -> dict[Modality, Tensor]:
        """Embed the texts of B studies, (B, C) of each kind that the model takes embedded."""
        device = next(self.model.parameters()).device
        limits = (self.reader.max_tokens_indication, self.reader.max_tokens_vitals)
        indications = [text or NO_INDICATION for text in samples.indications]
        found: dict[Modality, Tensor] = {}
        for kind, texts, most in zip(KINDS, (indications, samples.vitals), limits, strict=True):
            if kind not in self.kinds:
                continue
            known = self.known[kind]
            if new := [text for text in dict.fromkeys(texts) if text not in known]:
                tokens = self.model.tokenizer.encode(new, most).to(device)
                known.update(zip(new, self.model.encode_texts({kind: tokens})[kind], strict=True))
            found[kind] = torch.stack([known[text] for text in texts])
        return found


def _joined(parts: Sequence[NDArray[Scalar]], dtype: type[Scalar]) -> NDArray[Scalar]:
    return np.concatenate([np.empty(0, dtype), *parts])
