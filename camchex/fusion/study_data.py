"""Studies of the cohort: their images, texts and labels, and the batches that a model reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.contract.image_store import ImageStore
from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import draw_images, first_images
from camchex.fusion.image_maps import StudyMaps, View, keep_study_maps
from camchex.fusion.study_batch import StudyBatch, Tokens, pack_studies
from camchex.fusion.tokenizer import NO_INDICATION, Tokenizer
from camchex.networks.batches import Batch, Floats, Rows, labelled
from camchex.networks.image_encoder import ImageEncoder
from camchex.networks.samples import Cohort, label_matrix
from camchex.networks.sampling import BatchRows
from camchex.runs.runtime import RuntimeParams


@dataclass(frozen=True)
class StudySamples:
    """S studies; every list has one entry per study.

    Attributes:
        store: The prepared images.
        study_ids: Study ids as published.
        splits: train, development or test.
        rows: Positions in the store of each study's images, (n,).
        lateral: Which of a study's images are lateral, (n,).
        indications: Cleaned text; None where there is none.
        vitals: Vital signs as text.
        targets: 1, 0, or NaN where unknown, (S, Q).
    """

    store: ImageStore
    study_ids: list[str]
    splits: list[str]
    rows: list[Rows]
    lateral: list[NDArray[np.bool_]]
    indications: list[str | None]
    vitals: list[str]
    targets: Floats

    def __len__(self) -> int:
        return len(self.study_ids)

    def take(self, rows: Sequence[int] | Rows) -> Self:
        """Select studies by position, in the given order; a study may be taken more than once."""
        lists: dict[str, Any] = {
            field.name: [getattr(self, field.name)[row] for row in rows]
            for field in fields(self)
            if field.name not in {"store", "targets"}
        }
        return replace(self, **lists, targets=self.targets[list(rows)])


def cohort_studies(cohort: Cohort, splits: Sequence[str]) -> StudySamples:
    """Select the studies of some splits, in the order of the cohort.

    Raises:
        DataError: If the store lacks an image of the cohort.
    """
    part = cohort.table.filter(pc.field("split").isin(list(splits)))
    image_ids = part["image_ids"].to_pylist()
    ends = np.cumsum([0, *map(len, image_ids)])
    rows = cohort.store.rows([name for names in image_ids for name in names])
    return StudySamples(
        store=cohort.store,
        study_ids=part["study_id"].to_pylist(),
        splits=part["split"].to_pylist(),
        rows=[rows[start:end] for start, end in pairwise(ends)],
        lateral=[np.array(views, dtype=str) == "lateral" for views in part["views"].to_pylist()],
        indications=part["indication"].to_pylist(),
        vitals=part["vitals_text"].to_pylist(),
        targets=label_matrix(part, cohort.classes),
    )


@dataclass(frozen=True)
class StudyReader:
    """The limits of what a fusion model reads of a study.

    What exceeds the tokens of a text is cut off; a model that reads no images has 0 ``max_images``.
    """

    tokenizer: Tokenizer
    max_tokens_indication: int
    max_tokens_vitals: int
    max_images: int

    def read(
        self,
        images: Tensor,
        lateral: Sequence[NDArray[np.bool_]],
        indications: Sequence[str | None],
        vitals: Sequence[str],
    ) -> StudyBatch:
        """Build a batch as :func:`pack_studies`, in training and in prediction alike.

        Images are uint8, (M, 1, H, W).
        """
        both = self.indications(indications), self.vitals(vitals)
        return pack_studies(images, lateral, *both)

    def indications(self, texts: Sequence[str | None]) -> Tokens:
        """Encode indications; a missing one becomes the placeholder."""
        whole = [text or NO_INDICATION for text in texts]
        return self.tokenizer.encode(whole, self.max_tokens_indication)

    def vitals(self, texts: Sequence[str]) -> Tokens:
        """Encode vital signs."""
        return self.tokenizer.encode(texts, self.max_tokens_vitals)


def reader_of(model: CaMChex) -> StudyReader:
    """Return the limits of what ``model`` reads of a study."""
    fusion, text = model.config.fusion, model.config.text
    max_images = fusion.max_images if "images" in fusion.inputs else 0
    tokens = (text.max_tokens_indication, text.max_tokens_vitals)
    return StudyReader(model.tokenizer, *tokens, max_images)


class StudyDataset:
    """Studies as a data set whose items are whole batches.

    Args:
        samples: The studies.
        reader: The limits of what is read of a study.
        seed: Seed of the training: of a study with too many images, each epoch reads other ones.
            None: every epoch reads the same ones, both views in turn.
        maps: Kept maps of all images, which are read in place of these.

    Source: docs/method.md, section 7 (random 4 in training; at test by view, then order of the
        table).
    """

    def __init__(
        self,
        samples: StudySamples,
        reader: StudyReader,
        seed: int | None = None,
        maps: StudyMaps | None = None,
    ) -> None:
        self.samples, self.reader, self.seed, self.maps = samples, reader, seed, maps
        self.targets = samples.targets

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def image_size(self) -> int:
        """Height and width of the images, pixels."""
        return self.samples.store.size

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Return the study ids of some rows, as published."""
        return [self.samples.study_ids[row] for row in rows]

    def __getitem__(self, batch: BatchRows) -> Batch:
        chosen = [self._images(row, batch.epoch) for row in batch.rows]
        pairs = list(zip(batch.rows, chosen, strict=True))
        rows = np.concatenate([self.samples.rows[row][images] for row, images in pairs])
        lateral = [self.samples.lateral[row][images] for row, images in pairs]
        studies = self.reader.read(
            self._read(rows, np.concatenate(lateral), batch.epoch),
            lateral,
            [self.samples.indications[row] for row in batch.rows],
            [self.samples.vitals[row] for row in batch.rows],
        )
        return labelled(studies, self.targets, batch.rows)

    def with_maps(
        self, encoders: Sequence[ImageEncoder], views: Sequence[View], runtime: RuntimeParams
    ) -> "StudyDataset":
        """These studies with maps of their images, by :func:`keep_study_maps`."""
        samples = self.samples
        rows = np.concatenate([np.empty(0, np.int64), *samples.rows])
        lateral = np.concatenate([np.empty(0, np.bool_), *samples.lateral])
        maps = keep_study_maps(encoders, samples.store, (rows, lateral), views, runtime)
        return StudyDataset(samples, self.reader, self.seed, maps)

    def _read(self, rows: Rows, lateral: NDArray[np.bool_], epoch: int) -> Tensor:
        """Read images, uint8, (M, 1, H, W), or their maps, (M, C, h, w)."""
        if self.maps is not None:
            return self.maps.read(rows, lateral, epoch)
        pixels = self.samples.store.batch(rows) if len(rows) else np.empty((0, 1, 1), np.uint8)
        return torch.from_numpy(pixels)[:, None]

    def _images(self, row: int, epoch: int) -> Rows:
        """Choose the images of a study: positions within the study, ascending."""
        lateral, most = self.samples.lateral[row], self.reader.max_images
        if self.seed is None or not most:
            return first_images(lateral, most)
        return draw_images(len(lateral), most, self.samples.study_ids[row], epoch, self.seed)
