"""Batches of whole studies: what a fusion model reads, and the data set it is trained on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import draw_images, first_images
from camchex.fusion.study_batch import StudyBatch, pack_studies
from camchex.fusion.study_samples import StudySamples
from camchex.fusion.tokenizer import NO_INDICATION, Tokenizer
from camchex.networks.batches import Batch, Rows, labelled
from camchex.networks.sampling import BatchRows


@dataclass(frozen=True)
class StudyReader:
    """The limits of what a fusion model reads of a study.

    Attributes:
        tokenizer: The tokenizer of the text encoder.
        max_tokens_indication: Tokens of an indication; the rest is cut off.
        max_tokens_vitals: Tokens of the vital signs; the rest is cut off.
        max_images: Images per study; 0 for a model that reads none.
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
        """Build the batch of B studies: in training and in prediction alike.

        Args:
            images: The images, study after study, uint8, (M, 1, H, W).
            lateral: Which images of each study are lateral, B arrays with M values in all.
            indications: Cleaned text; None where there is none, for the placeholder.
            vitals: Vital signs as text.
        """
        texts = [text or NO_INDICATION for text in indications]
        return pack_studies(
            images,
            lateral,
            self.tokenizer.encode(texts, self.max_tokens_indication),
            self.tokenizer.encode(vitals, self.max_tokens_vitals),
        )


def reader_of(model: CaMChex) -> StudyReader:
    """Return the limits of what ``model`` reads of a study."""
    config = model.config
    return StudyReader(
        tokenizer=model.tokenizer,
        max_tokens_indication=config.text.max_tokens_indication,
        max_tokens_vitals=config.text.max_tokens_vitals,
        max_images=config.fusion.max_images if "images" in config.fusion.inputs else 0,
    )


class StudyDataset:
    """Studies as a data set whose items are whole batches.

    Args:
        samples: The studies.
        reader: The limits of what is read of a study.
        seed: Seed of the training: of a study with too many images, each epoch reads other ones.
            None: every epoch reads the same ones, both views in turn.

    Source: docs/method.md, section 7 (random 4 in training; at test by view, then order of the
        table).
    """

    def __init__(self, samples: StudySamples, reader: StudyReader, seed: int | None = None) -> None:
        self.samples, self.reader, self.seed = samples, reader, seed
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
        studies = self.reader.read(
            torch.from_numpy(self.samples.store.batch(rows))[:, None]
            if len(rows)
            else torch.empty(0, 1, 1, 1, dtype=torch.uint8),
            [self.samples.lateral[row][images] for row, images in pairs],
            [self.samples.indications[row] for row in batch.rows],
            [self.samples.vitals[row] for row in batch.rows],
        )
        return labelled(studies, self.targets, batch.rows)

    def _images(self, row: int, epoch: int) -> Rows:
        """Choose the images of a study: positions within the study, ascending."""
        lateral, most = self.samples.lateral[row], self.reader.max_images
        if self.seed is None or not most:
            return first_images(lateral, most)
        return draw_images(len(lateral), most, self.samples.study_ids[row], epoch, self.seed)
