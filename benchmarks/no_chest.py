"""Rules that tell an image that is no chest X-ray: false and right refusals of each.

Chest X-rays are those of ``../shared/data``, in five folds by patient: three to fit a rule, one for
its limit, one to measure. What is no chest X-ray are sample photographs and files of matplotlib,
scikit-learn and pydicom, drawings, and X-rays cut, turned or inverted. All rules but that of
colours, which is kept, look at squares of 32 grey values a side, as the view classifier does.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import numpy as np
import pydicom.data
import sklearn
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from record import run
from sklearn.cluster import KMeans
from tabulate import tabulate

from camchex.errors import DataError
from camchex.images.dicom import decode_dicom
from camchex.many_studies.colours import MOST, hues
from camchex.views.view_classifier import SIDE, square, standardised

DATA = Path("../shared/data")
FOLDS, HELD_OUT = 5, 0.99  # share of held-out chest X-rays that a limit lets pass
DRAWN = 20  # of each kind
LEAST_CLUSTER = 10  # images of which one may be shown as a mean
Grey = NDArray[np.uint8]
Rows = NDArray[np.float64]
Score = Callable[[Rows], Rows]
Fit = Callable[[Rows], Score]


def grey(path: Path) -> Grey:
    """Grey levels of an image."""
    if path.suffix in (".dcm", ".dicom"):
        return decode_dicom(path.read_bytes(), path, [])
    return np.asarray(Image.open(path).convert("L"))


def chest_x_rays() -> dict[Path, str]:
    """Files, and a name for each patient."""
    cohort = DATA / "open_cohort"
    kinds = ("mimic-cxr-jpg/**/*.jpg", "CheXpert-v1.0/**/*.jpg", "**/images/*.png", "**/*.dicom")
    files = [path for kind in kinds for path in sorted(cohort.glob(kind))]
    return {p: str(p.parents[1]) if "mimic-cxr-jpg" in p.parts else str(p) for p in files}


def photographs() -> list[Path]:
    """The four sample photographs of matplotlib and scikit-learn."""
    first = Path(mpl.get_data_path()) / "sample_data"
    second = Path(sklearn.__file__).parent / "datasets/images"
    names = ("grace_hopper.jpg", "Minduka_Present_Blue_Pack.png")
    return [*(first / name for name in names), second / "china.jpg", second / "flower.jpg"]


def other_dicom() -> list[Grey]:
    """Images of CT, MR, dose and screens: the test files of pydicom that can be decoded."""
    found = []
    for path in sorted(Path(pydicom.data.DATA_ROOT, "test_files").glob("*.dcm")):
        try:
            found.append(grey(path))
        except DataError:
            continue
    return [image for image in found if min(image.shape) >= SIDE and image.std() > 0]


def cuts(draw: np.random.Generator, image: Grey, least: float, most: float) -> Grey:
    """A part of an image, at any place, of a share of its sides."""
    rows, columns = (int(side * draw.uniform(least, most)) for side in image.shape)
    top, left = (
        draw.integers(image.shape[0] - rows + 1),
        draw.integers(image.shape[1] - columns + 1),
    )
    return image[top : top + rows, left : left + columns]


def shapes(draw: np.random.Generator) -> Grey:
    """Some ellipses on a grey ground."""
    image = Image.new("L", (256, 256), int(draw.integers(256)))
    for _ in range(draw.integers(1, 8)):
        start = draw.integers(0, 200, 2)
        box = [*map(int, start), *map(int, start + draw.integers(10, 120, 2))]
        ImageDraw.Draw(image).ellipse(box, fill=int(draw.integers(256)))
    return np.asarray(image)


def text_page(draw: np.random.Generator) -> Grey:
    """Lines of letters, black on white."""
    image = Image.new("L", (300, 400), 255)
    for y in range(20, 380, 14):
        letters = draw.integers(ord("a"), ord("z"), draw.integers(10, 44))
        ImageDraw.Draw(image).text((20, y), "".join(map(chr, letters)), fill=0)
    return np.asarray(image)


def hand(draw: np.random.Generator) -> Grey:
    """A palm and five fingers with bones, as an X-ray shows them."""
    image = Image.new("L", (300, 400), 10)
    pen = ImageDraw.Draw(image)
    wobble = draw.integers(-12, 12, 14).tolist()
    pen.ellipse([90 + wobble[0], 220 + wobble[1], 210 + wobble[2], 360 + wobble[3]], fill=120)
    for n, x in enumerate((-70, -35, 0, 35, 75)):
        tip = (150 + x + wobble[4 + n], 70 + abs(x) + wobble[9 + n])
        for width, level in ((26, 110), (10, 220)):
            pen.line([(150 + x // 2, 270), tip], fill=level, width=width)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(2)))


def no_chests(xrays: list[Grey]) -> dict[str, list[Grey]]:
    """Images that are no X-ray of a whole chest, upright, by kind."""
    draw = np.random.default_rng(0)
    photos = [grey(path) for path in photographs()]
    some = xrays[::4]
    return {
        "photographs": [cuts(draw, photo, 0.4, 1) for photo in photos for _ in range(15)],
        "CT, MR and the like": other_dicom(),
        "noise": [draw.integers(0, 256, (128, 128), np.uint8) for _ in range(DRAWN)],
        "shapes": [shapes(draw) for _ in range(DRAWN)],
        "pages of text": [text_page(draw) for _ in range(DRAWN)],
        "drawn hands": [hand(draw) for _ in range(DRAWN)],
        "a third of a chest": [cuts(draw, image, 0.25, 0.35) for image in some],
        "on the side": [np.rot90(image) for image in some],
        "inverted": [255 - image for image in some],
    }


def unit(rows: Rows) -> Rows:
    """Rows of length 1, whose products are correlations."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest_image(known: Rows) -> Score:
    """Less the correlation with the most similar image."""
    return lambda rows: -(unit(rows) @ unit(known).T).max(axis=1)


def nearest_mean(known: Rows) -> Score:
    """Less the correlation with the most similar of eight means of clusters."""
    found = KMeans(8, n_init=3, random_state=0).fit(unit(known))
    large = np.bincount(found.labels_, minlength=8) >= LEAST_CLUSTER
    return lambda rows: -(unit(rows) @ unit(found.cluster_centers_[large]).T).max(axis=1)


def components(known: Rows, number: int = 16) -> Score:
    """Distance in principal components, and from them, each as a share of its mean."""
    mean = known.mean(axis=0)
    _, sizes, axes = np.linalg.svd(known - mean, full_matrices=False)
    axes, variance = axes[:number], sizes[:number] ** 2 / len(known)

    def score(rows: Rows) -> Rows:
        places = (rows - mean) @ axes.T
        rest = np.square(rows - mean).sum(axis=1) - np.square(places).sum(axis=1)
        return (places**2 / variance).mean(axis=1) + rest / rest_of_known

    rest_of_known = float((sizes[number:] ** 2).sum() / len(known))
    return score


RULES: Mapping[str, Fit] = {
    "nearest training image": nearest_image,
    "nearest of 8 mean images": nearest_mean,
    "16 principal components": components,
}


def refused(
    fit: Fit, chests: Rows, fold: NDArray[np.int64], others: Mapping[str, Rows]
) -> list[float]:
    """Shares that a rule refuses: of chest X-rays, then of each kind of others."""
    found = []
    for number in range(FOLDS):
        held_out, measured = fold == (number + 1) % FOLDS, fold == number
        known = chests[~held_out & ~measured].reshape(-1, SIDE, SIDE)
        score = fit(np.concatenate([known, known[:, :, ::-1]]).reshape(-1, SIDE**2))
        limit = np.quantile(score(chests[held_out]), HELD_OUT)
        kinds = [chests[measured], *others.values()]
        found.append([float((score(rows) > limit).mean()) for rows in kinds])
    return [float(share) for share in np.mean(found, axis=0)]


def colours(files: list[Path]) -> list[float]:
    """Shares that the rule of colours refuses: of chest X-rays, of tinted ones, of photographs."""
    draw = np.random.default_rng(0)
    with TemporaryDirectory() as folder:
        made = Path(folder, "made.png")

        def of(image: Image.Image) -> bool:
            image.save(made)
            return hues(made) > MOST

        tinted, photos = [], []
        for path in files[::4]:
            levels = np.asarray(Image.fromarray(grey(path)).resize((256, 256))) / 255
            curves = np.stack([levels**power for power in draw.uniform(0.6, 1.4, 3)], axis=2)
            y, x = np.mgrid[-0.5:0.5:256j, -0.5:0.5:256j]
            slopes = draw.uniform(-0.15, 0.15, (2, 3))
            light = 1 + y[..., None] * slopes[0] + x[..., None] * slopes[1]
            tinted.append(of(Image.fromarray(np.uint8(np.clip(255 * curves * light, 0, 255)))))
        for path in photographs():
            photo = Image.open(path).convert("RGB")
            for _ in range(15):
                part, left, top = draw.uniform(0.4, 0.8), *draw.uniform(0, 0.2, 2)
                sides = np.array([left, top, left + part, top + part]) * (photo.size * 2)
                photos.append(of(photo.crop(tuple(map(int, sides)))))
    return [
        float(np.mean([hues(path) > MOST for path in files])),
        *map(float, map(np.mean, (tinted, photos))),
    ]


def main() -> None:
    """Measure every rule, and print what it refuses."""
    warnings.simplefilter("ignore")
    patients = chest_x_rays()
    xrays = [grey(path) for path in patients]
    names, number = np.unique([*patients.values()], return_inverse=True)
    fold = np.random.default_rng(1).permutation(len(names))[number] % FOLDS
    others = {kind: rows_of(images) for kind, images in no_chests(xrays).items()}
    shares = {name: refused(fit, rows_of(xrays), fold, others) for name, fit in RULES.items()}
    table = [[name, *(f"{share:.1%}" for share in found)] for name, found in shares.items()]
    print(tabulate(table, ["refused", f"chest X-rays ({len(xrays)})", *others]))
    chest, tinted, photos = colours([*patients])
    print(
        f"several colours: chest X-rays {chest:.1%}, tinted {tinted:.1%}, photographs {photos:.1%}"
    )


def rows_of(images: list[Grey]) -> Rows:
    """Images as the view classifier reads them, (N, SIDE * SIDE)."""
    squares = [square(np.ascontiguousarray(image)) for image in images]
    return standardised(np.stack(squares)).astype(np.float64)


if __name__ == "__main__":
    run(main, __doc__)
