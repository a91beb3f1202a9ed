"""Small data and small networks: images whose bright quarter says which class they show."""

from collections.abc import Sequence

import numpy as np
from torch import nn

from camchex.networks.samples import ImageDataset, ImageSamples, prevalence
from camchex.runs.runtime import RuntimeParams
from camchex.training.params import AugmentationParams, TrainingParams
from camchex.training.task import Task

SIZE = 16
CLASSES = 4
RUNTIME = RuntimeParams(workers=0, accelerator="cpu", devices=1, compile=False)
TRAINING = TrainingParams(
    epochs=3,
    batch_size=8,
    accumulate=1,
    loss="weighted",
    learning_rate=0.01,
    weight_decay=1e-4,
    decay_norm_and_bias=True,
    schedule="cosine",
    warmup_fraction=0.1,
    ema_decay=0.8,
    clip_norm=1.0,
    precision="32-true",
    seed=7,
)
AUGMENTATION = AugmentationParams(
    crop_scale=(0.9, 1.0),
    crop_ratio=(0.75, 1.3333),
    flip_p=0.0,
    affine_p=0.5,
    rotate_degrees=10.0,
    shift=0.0625,
    scale=0.1,
    brightness_contrast_p=0.5,
    brightness=0.2,
    contrast=0.2,
    distort_p=0.0,
    noise_p=0.2,
)


class MemoryStore:
    """Images in memory behind the interface of ``ImageStore``."""

    def __init__(self, images: np.ndarray, image_ids: Sequence[str]) -> None:
        self.images, self.image_ids = images, list(image_ids)
        self.size = images.shape[1]
        self.folder = "memory"

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.images[row]

    def __contains__(self, image_id: str) -> bool:
        return image_id in self.image_ids

    def rows(self, image_ids: Sequence[str]) -> np.ndarray:
        return np.array([self.image_ids.index(i) for i in image_ids], dtype=np.int64)

    def batch(self, rows: Sequence[int]) -> np.ndarray:
        return self.images[np.asarray(rows)]


def images_and_labels(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, 16, 16), and float32 (N, 4): which quarters are bright."""
    draw = np.random.default_rng(seed)
    labels = (draw.random((count, CLASSES)) < 0.3).astype(np.float32)
    quarters = np.kron(labels.reshape(count, 2, 2), np.ones((1, SIZE // 2, SIZE // 2)))
    noise = draw.integers(0, 60, (count, SIZE, SIZE))
    return (40 + noise + 120 * quarters).astype(np.uint8), labels


def samples(count: int, seed: int = 0) -> ImageSamples:
    images, labels = images_and_labels(count, seed)
    store = MemoryStore(images, [f"{seed}-{i}" for i in range(count)])
    return ImageSamples(store=store, rows=np.arange(count), targets=labels)


def small_network() -> nn.Module:
    """With dropout and batch statistics: chance and buffers that a resumed run must repeat."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, stride=4),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(4 * (SIZE // 4) ** 2, CLASSES),
    )


def image_task(
    network: nn.Module, augment: nn.Module, train: int = 44, development: int = 20
) -> Task:
    data = ImageDataset([samples(train, seed=1)])
    return Task(
        network=network,
        augment=augment,
        train=data,
        development=ImageDataset([samples(development, seed=2)]),
        prevalence=prevalence(data.targets),
    )
