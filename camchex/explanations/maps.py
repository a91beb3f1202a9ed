"""Maps of an image: which of its places raised or lowered the number of a finding.

Every method takes the answer of a model to a study, the number of one image, and the numbers of n
findings, and returns a map (n, H, W) in log-odds, above 0 where the image raised the number.
Gradients are Captum's. Occlusion is computed here: findings share the passes through the network,
where Captum takes one finding at a time (a test holds both against each other).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from camchex.explanations.answer import Answer
from camchex.explanations.captum_methods import captum

Maps = NDArray[np.float64]
Method = Callable[[Answer, int, Sequence[int]], Maps]
WINDOW, STEP = 0.1875, 0.125  # side of a hidden square, and largest distance of two, as shares
BLUR = 0.12  # standard deviation of the blur from which gradients are integrated, likewise
STEPS = 16  # of an integral along gradients
CHUNK = 64  # changed images that are encoded together


def occlusion(answer: Answer, number: int, findings: Sequence[int]) -> Maps:
    """What the number loses while a square is as grey as the whole image is on the average.

    A place has the mean over all squares that cover it.

    Source: Zeiler and Fergus, ECCV 2014.
    """
    image, wanted = answer.batch.images[number], list(findings)
    grey = image.mean().expand_as(image)
    squares = hidden_squares(image.shape[-1]).to(image.device)
    with torch.no_grad():
        said = [
            answer.of_one_image(number, torch.where(part[:, None], grey, image))[:, wanted]
            for part in torch.split(squares, CHUNK)
        ]
        lost = answer.as_given()[wanted] - torch.cat(said)  # (squares, n)
    covered = squares.double().flatten(1)
    found = (lost.T @ covered) / covered.sum(0)
    return np.asarray(found.reshape(-1, *squares.shape[1:]).cpu().numpy(), np.float64)


def hidden_squares(side: int) -> Tensor:
    """The squares that are hidden one after the other: (squares, side, side), bool.

    They reach to every edge, cover every place, and lie alike in the mirror.
    """
    width = max(1, round(WINDOW * side))
    last = side - width
    apart = np.linspace(0, last, 1 + math.ceil(last / max(1, round(STEP * side))))
    half = {round(start) for start in apart[: len(apart) // 2 + 1].tolist()}
    starts = sorted(half | {last - start for start in half})
    squares = torch.zeros(len(starts) ** 2, side, side, dtype=torch.bool)
    for place, (top, left) in enumerate((row, column) for row in starts for column in starts):
        squares[place, top : top + width, left : left + width] = True
    return squares


class _FromMaps(nn.Module):
    """The part of a model behind the maps of one image, as Captum takes a network.

    Args:
        answer: The answer of the model.
        number: The image.
    """

    def __init__(self, answer: Answer, number: int) -> None:
        super().__init__()
        self.answer, self.number = answer, number
        self.maps = nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Answer to other maps (B, looks C, h, w): (B, Q)."""
        return self.answer.of_joined_maps(self.number, self.maps(maps))


def _over_maps(name: str, answer: Answer, number: int, findings: Sequence[int]) -> Maps:
    image = answer.batch.images[number]
    rest = _FromMaps(answer, number)
    with torch.no_grad():
        maps = answer.joined_maps(number, image[None])
    library = captum()
    method = {
        "grad_cam": lambda: library.LayerGradCam(rest, rest.maps),
        "gradient_times_map": lambda: library.InputXGradient(rest),
    }[name]()
    found = torch.cat([
        method.attribute(maps.clone().requires_grad_(), target=finding).sum(1)
        for finding in findings
    ])  # fmt: skip
    upsampled = nn.functional.interpolate(
        found[None].double(), size=image.shape[-2:], mode="bilinear", align_corners=False
    )[0]
    return np.asarray(upsampled.detach().cpu().numpy(), np.float64)


def _over_pixels(name: str, answer: Answer, number: int, findings: Sequence[int]) -> Maps:
    image = answer.batch.images[number][None]
    library = captum()
    forward = partial(answer.of_one_image, number)
    rows = []
    for finding in findings:
        given = image.clone().requires_grad_()
        if name == "saliency":
            found = library.Saliency(forward).attribute(given, target=finding)
        elif name == "gradient_times_pixel":
            found = library.InputXGradient(forward).attribute(given, target=finding)
        else:
            found = library.IntegratedGradients(forward).attribute(
                given, _blurred(image), target=finding, n_steps=STEPS
            )
        rows.append(found[0, 0])
    return np.asarray(torch.stack(rows).detach().cpu().double().numpy(), np.float64)


def _blurred(image: Tensor) -> Tensor:
    pixels = image[0, 0].cpu().numpy()
    blurred = cv2.GaussianBlur(pixels, (0, 0), BLUR * image.shape[-1])
    return torch.from_numpy(blurred)[None, None].to(image.device)


METHODS: Mapping[str, Method] = {
    "occlusion": occlusion,
    **{name: partial(_over_maps, name) for name in ("grad_cam", "gradient_times_map")},
    **{
        name: partial(_over_pixels, name)
        for name in ("saliency", "gradient_times_pixel", "integrated_gradients")
    },
}
"""Every map that is measured. Sources: Grad-CAM (Selvaraju et al., ICCV 2017), on the last map of
the backbone; the same without its mean over places (Draelos and Carin, HiResCAM, 2020); saliency
(Simonyan et al., 2014); integrated gradients from a blurred image (Sundararajan et al., 2017)."""
