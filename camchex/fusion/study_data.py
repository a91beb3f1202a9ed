"""Batches of whole studies, for the fusion."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from camchex.fusion.camchex import CaMChex
from camchex.fusion.image_choice import first_images, random_images
from camchex.fusion.study_batch import StudyBatch
from camchex.fusion.study_samples import StudySamples
from camchex.fusion.tokenizer import NO_INDICATION, Tokenizer
from camchex.networks.batches import Batch, Rows, labelled
from camchex.networks.sampling import BatchRows


@dataclass(frozen=True)
class StudyReader:
    """What a fusion model reads of a study.

    Attributes:
        tokenizer: Of its text encoder.
        max_tokens_indication: The rest is cut off.
        max_tokens_vitals: The rest is cut off.
        max_images: Images per study; 0 for a model that reads none.
    """

    tokenizer: Tokenizer
    max_tokens_indication: int
    max_tokens_vitals: int
    max_images: int


def reader_of(model: CaMChex) -> StudyReader:
    """What ``model`` reads of a study."""
    config = model.config
    return StudyReader(
        tokenizer=model.tokenizer,
        max_tokens_indication=config.text.max_tokens_indication,
        max_tokens_vitals=config.text.max_tokens_vitals,
        max_images=config.fusion.max_images if "images" in config.fusion.inputs else 0,
    )


class StudyDataset:
    """The studies of some splits; an item is a whole batch.

    Args:
        samples: The studies.
        reader: What of them is read.
        seed: Of the training: a study of too many images shows others each epoch. None: always
            the same, as many of each view as there are.

    Source: docs/method.md, section 7 (random 4 in training; at test by view, then order of the table).
    """

    def __init__(self, samples: StudySamples, reader: StudyReader, seed: int | None = None) -> None:
        self.samples, self.reader, self.seed = samples, reader, seed
        self.targets = samples.targets

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""
        return self.samples.store.size

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Study ids of some rows, as published."""
        return [self.samples.study_ids[row] for row in rows]

    def __getitem__(self, batch: BatchRows) -> Batch:
        chosen = [self._images(row, batch.epoch) for row in batch.rows]
        counts = np.array([len(c) for c in chosen])
        rows = [self.samples.rows[row][c] for row, c in zip(batch.rows, chosen, strict=True)]
        lateral = [self.samples.lateral[row][c] for row, c in zip(batch.rows, chosen, strict=True)]
        studies = StudyBatch(
            images=self._decode(np.concatenate(rows)),
            study=torch.from_numpy(np.repeat(np.arange(len(counts)), counts)),
            slot=torch.from_numpy(np.concatenate([np.arange(n) for n in counts])),
            lateral=torch.from_numpy(np.concatenate(lateral)),
            indication=self.reader.tokenizer.encode(
                [self.samples.indications[row] or NO_INDICATION for row in batch.rows],
                self.reader.max_tokens_indication,
            ),
            vitals=self.reader.tokenizer.encode(
                [self.samples.vitals[row] for row in batch.rows], self.reader.max_tokens_vitals
            ),
        )
        return labelled(studies, self.targets, batch.rows)

    def _images(self, row: int, epoch: int) -> Rows:
        """Which images of a study are read: positions within the study, ascending."""
        lateral, most = self.samples.lateral[row], self.reader.max_images
        if self.seed is None or not most:
            return first_images(lateral, most)
        return random_images(len(lateral), most, self.samples.study_ids[row], epoch, self.seed)

    def _decode(self, rows: Rows) -> Tensor:
        if not len(rows):
            return torch.empty(0, 1, 1, 1, dtype=torch.uint8)
        return torch.from_numpy(self.samples.store.batch(rows))[:, None]
