"""Batches of single images, for the teacher, the students and the view encoders."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from camchex.errors import DataError
from camchex.models.study_batch import Movable
from camchex.training.samples import ImageSamples
from camchex.training.sampling import BatchRows


@dataclass(frozen=True)
class ImageBatch(Movable):
    """Images and their labels.

    Attributes:
        inputs: Grey images, uint8 on the wire, (B, 1, H, W).
        targets: Labels, 0 where unknown, (B, Q).
        known: Where a label is known, (B, Q), bool.
        rows: Rows of the data set, (B,), long.
    """

    inputs: Tensor
    targets: Tensor
    known: Tensor
    rows: Tensor

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with other images."""
        return replace(self, inputs=change(self.inputs))


class ImageDataset:
    """The images of one or more sets, one after the other; an item is a whole batch.

    Raises:
        DataError: If the sets were prepared at several sizes.
    """

    def __init__(self, parts: Sequence[ImageSamples]) -> None:
        self.parts = list(parts)
        sizes = {str(part.store.folder): part.store.size for part in parts}
        if len(set(sizes.values())) > 1:
            raise DataError(f"image stores of several sizes, in px: {sizes}. `dvc repro` them all.")
        self.starts = np.cumsum([0, *map(len, parts)])
        self.targets = np.concatenate([part.targets for part in parts])

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels, the same in every set."""
        return self.parts[0].store.size

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Image ids of some rows, as published."""
        names = []
        for row in rows:
            number = int(np.searchsorted(self.starts, row, side="right")) - 1
            part = self.parts[number]
            names.append(part.store.image_ids[part.rows[row - self.starts[number]]])
        return names

    def __getitem__(self, batch: BatchRows) -> ImageBatch:
        owner = np.searchsorted(self.starts, batch.rows, side="right") - 1
        images: list[np.ndarray] = [np.empty(0)] * len(batch.rows)
        for number in np.unique(owner):
            part, places = self.parts[number], np.flatnonzero(owner == number)
            rows = part.rows[batch.rows[places] - self.starts[number]]
            for place, image in zip(places, part.store.batch(rows), strict=True):
                images[place] = image
        targets = self.targets[batch.rows]
        return ImageBatch(
            inputs=torch.from_numpy(np.stack(images))[:, None],
            targets=torch.from_numpy(np.nan_to_num(targets)),
            known=torch.from_numpy(~np.isnan(targets)),
            rows=torch.from_numpy(batch.rows),
        )
