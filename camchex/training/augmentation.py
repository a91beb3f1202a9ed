"""Augmentation of a batch of grey images on the device that trains.

All draws come from torch's global random state, so equal seeds give equal images.
"""

from collections.abc import Callable, Sequence

import torch
from kornia.augmentation import (
    RandomAffine,
    RandomElasticTransform,
    RandomGaussianBlur,
    RandomHorizontalFlip,
    RandomMedianBlur,
    RandomMotionBlur,
    RandomResizedCrop,
    RandomThinPlateSpline,
)
from torch import Tensor, nn

from camchex.training.params import AugmentationParams

# Strengths of albumentations 1.3.1, which CheXFusion uses; grey runs from 0 to 1 here.
NOISE_VARIANCE = (10 / 255**2, 50 / 255**2)
SMALLEST_KERNEL, LARGEST_KERNEL = 3, 7  # pixels of an image of 1024
ELASTIC_SIGMA, ELASTIC_ALPHA = 50.0, 1.0  # sigma in pixels, over a kernel of the whole image
GRID_SCALE = 0.3 / 5  # a grid of 5 steps, each stretched by up to 0.3


class Augmentation(nn.Module):
    """Crop, flip, affine, brightness and contrast, distortion, noise or blur.

    Source: CheXFusion (albumentations), its border reflected; values from ``augmentation``.
    """

    def __init__(self, params: AugmentationParams, image_size: int) -> None:
        super().__init__()
        self.params = params
        side = (image_size, image_size)
        kernel = max(SMALLEST_KERNEL, LARGEST_KERNEL * image_size // 1024 // 2 * 2 + 1)
        self.geometry = nn.Sequential(
            RandomResizedCrop(side, scale=params.crop_scale, ratio=params.crop_ratio),
            RandomHorizontalFlip(p=params.flip_p),
            RandomAffine(
                params.rotate_degrees,
                translate=(params.shift, params.shift),
                scale=(1 - params.scale, 1 + params.scale),
                padding_mode="reflection",
                p=params.affine_p,
            ),
        )
        elastic = RandomElasticTransform(
            kernel_size=(2 * (image_size // 2) - 1,) * 2,
            sigma=(ELASTIC_SIGMA,) * 2,
            alpha=(ELASTIC_ALPHA,) * 2,
            padding_mode="reflection",
            p=1.0,
        )
        self.distortions = nn.ModuleList([elastic, RandomThinPlateSpline(scale=GRID_SCALE, p=1.0)])
        sigmas = (_sigma(SMALLEST_KERNEL), _sigma(kernel))
        self.blurs = nn.ModuleList(
            [
                RandomGaussianBlur((kernel, kernel), sigmas, p=1.0),
                RandomMotionBlur((SMALLEST_KERNEL, kernel), angle=180.0, direction=1.0, p=1.0),
                RandomMedianBlur((SMALLEST_KERNEL,) * 2, p=1.0),
            ]
        )

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Augment each image on its own: (B, 1, H, W) in [0, 1] in and out."""
        if not len(images):
            return images
        params = self.params
        images = self.geometry(images)
        chosen = _draw(images) < params.brightness_contrast_p
        gain = 1 + params.contrast * (2 * _draw(images) - 1)
        offset = params.brightness * (2 * _draw(images) - 1)
        images = torch.where(chosen, (images * gain + offset).clamp(0, 1), images)
        images = change_some(images, list(self.distortions), params.distort_p)
        images = change_some(images, [_noise, *self.blurs], params.noise_p)
        return images.clamp(0, 1)


def _sigma(kernel: int) -> float:
    """Compute the standard deviation of a Gaussian blur, pixels, by OpenCV's rule."""
    return 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8


def _draw(images: Tensor) -> Tensor:
    """Draw one uniform number per image, (B, 1, 1, 1), on the CPU whatever the device."""
    return torch.rand(len(images), 1, 1, 1).to(images)


def _noise(images: Tensor) -> Tensor:
    low, high = NOISE_VARIANCE
    deviation = (low + (high - low) * _draw(images)).sqrt()
    return images + deviation * torch.randn(images.shape).to(images)


def change_some(images: Tensor, choices: Sequence[Callable[[Tensor], Tensor]], p: float) -> Tensor:
    """Change each image with probability ``p``, by one of equally likely choices."""
    chosen = torch.rand(len(images)) < p
    which = torch.randint(len(choices), (len(images),))
    for number, change in enumerate(choices):
        rows = (chosen & (which == number)).nonzero().flatten().to(images.device)
        if len(rows):
            images = images.index_copy(0, rows, change(images[rows]))
    return images
