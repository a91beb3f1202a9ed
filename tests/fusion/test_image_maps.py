"""Kept maps are what the encoder gives, and a training with them is the training without."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from camchex.contract import arithmetic
from camchex.contract.image_store import ImageStore
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.params import PARAMS
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError, ModelError
from camchex.fusion import image_maps, study_training
from camchex.fusion.image_maps import IMAGES, View, keep_study_maps
from camchex.networks.image_classifier import build_image_classifier
from camchex.networks.image_encoder import ImageEncoder
from camchex.networks.params import EncoderParams
from camchex.networks.sampling import derived_seed
from camchex.runs.runtime import RuntimeParams
from camchex.training.augmentation import Augmentation
from stages import train_fusion
from tests.networks.small import classifier, fusion_params
from tests.training.demo import write_demo

RUNTIME = RuntimeParams(workers=0, accelerator="cpu", devices=1, compile=False)
OFF = {"crop_scale": [1.0, 1.0], "crop_ratio": [1.0, 1.0], "flip_p": 0.0, "affine_p": 0.0}
OFF |= {"brightness_contrast_p": 0.0, "distort_p": 0.0, "noise_p": 0.0}


class Noise(nn.Module):
    """Adds to each image a number drawn from torch's global state."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + torch.rand(len(images), 1, 1, 1)


NOISE = [View(Noise(), "noise", seed) for seed in range(2)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


@pytest.fixture
def store(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    monkeypatch.chdir(tmp_path)
    return ImageStore(demo / "data/images/mimic")


def images(store: ImageStore) -> tuple[np.ndarray, np.ndarray]:
    """All images but one, in no order; every third is lateral."""
    rows = np.random.default_rng(0).permutation(len(store))[1:]
    return rows, rows % 3 == 0


def encoders(channels: int = 16) -> list[ImageEncoder]:
    args = {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, channels], "output_stride": 16}
    return [classifier(1).encoder.eval(), classifier(2, backbone_args=args).encoder.eval()]


def kept(store: ImageStore, by: list[ImageEncoder], views: list[View]) -> image_maps.StudyMaps:
    return keep_study_maps(by, store, images(store), views, RUNTIME)


def folders() -> set[str]:
    return {path.name for path in image_maps.MAPS.iterdir() if path.is_dir()}


@contextmanager
def encoding_nothing() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise AssertionError("an image was encoded")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ImageStore, "batch", refuse)
        yield


@torch.no_grad()
@pytest.mark.parametrize("channels", [16, 12])
def test_each_image_is_encoded_by_the_encoder_of_its_view(store: ImageStore, channels: int) -> None:
    by = encoders(channels)
    maps = kept(store, by, [View()])
    rows, lateral = images(store)
    for epoch, chosen in enumerate(np.split(np.random.default_rng(1).permutation(len(rows)), 3)):
        found = maps.read(rows[chosen], lateral[chosen], epoch)
        pixels = torch.from_numpy(store.batch(rows[chosen]))[:, None] / 255
        for one, image, side in zip(found, pixels, lateral[chosen], strict=True):
            expected = by[int(side)](image[None])[0]
            torch.testing.assert_close(one[: len(expected)], expected, rtol=1e-5, atol=1e-6)
            assert not one[len(expected) :].any()


@torch.no_grad()
def test_epochs_see_the_views_in_turn_each_augmented_with_its_own_seed(store: ImageStore) -> None:
    (encoder, _), (rows, lateral) = encoders(), images(store)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    maps = kept(store, [encoder], NOISE)
    assert torch.equal(torch.get_rng_state(), before)
    first = np.sort(rows)[:IMAGES]  # of the first file
    for epoch in range(5):
        torch.manual_seed(derived_seed(epoch % 2, 0))
        looks = torch.from_numpy(store.batch(first))[:, None] / 255 + torch.rand(IMAGES, 1, 1, 1)
        found = maps.read(first, lateral[:IMAGES], epoch)
        torch.testing.assert_close(found, encoder(looks), rtol=1e-5, atol=1e-6)


def change_weight(by: list[ImageEncoder], _: Path) -> None:
    with torch.no_grad():
        next(by[0].parameters()).view(-1)[0] += 1e-3


def change_normalisation(by: list[ImageEncoder], _: Path) -> None:
    by[0].mean += 0.1


def change_code(_: list[ImageEncoder], folder: Path) -> None:
    (folder / "code.py").write_text("changed")


def change_arithmetic(_: list[ImageEncoder], __: Path) -> None:
    os.environ["OMP_NUM_THREADS"] = "2"


@pytest.mark.parametrize(
    "change", [change_weight, change_normalisation, change_code, change_arithmetic]
)
def test_maps_of_another_encoder_code_or_arithmetic_are_never_read(
    store: ImageStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[list[ImageEncoder], Path], None],
) -> None:
    for name, value in arithmetic.pinned(os.environ).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "code.py").write_text("before")
    monkeypatch.setattr(image_maps, "CODE", (str(tmp_path / "code.py"),))
    by = encoders()[:1]
    kept(store, by, [View()])
    before = folders()
    change(by, tmp_path)
    kept(store, by, [View()])
    assert len(folders() - before) == 1


def test_maps_of_another_augmentation_seed_or_choice_of_images_are_never_read(
    store: ImageStore,
) -> None:
    by = encoders()[:1]
    rows, lateral = images(store)
    asked = [(rows, view) for view in (View(), *NOISE, View(Noise(), "other noise", 0))]
    for number, (chosen, view) in enumerate([*asked, (rows[1:], View())], start=1):
        keep_study_maps(by, store, (chosen, lateral[-len(chosen) :]), [view], RUNTIME)
        assert len(folders()) == number


def test_maps_of_other_images_in_a_store_of_the_same_size_are_never_read(
    store: ImageStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    write_demo(other)
    changed = ImageStore(other / "data/images/mimic")
    changed.contents = changed.contents.model_copy(update={"own_sha256": "0" * 64})
    for one in (store, changed):
        kept(one, encoders()[:1], [View()])
    assert len(folders()) == 2


def test_nothing_is_encoded_twice_and_a_killed_filling_goes_on(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = encoders()[:1]
    read, calls = ImageStore.batch, []

    def killed(self: ImageStore, rows: np.ndarray) -> np.ndarray:
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(ImageStore, "batch", killed)
    with pytest.raises(KeyboardInterrupt):
        kept(store, by, NOISE)
    calls.append(0)  # never killed again
    interrupted = kept(store, by, NOISE)
    assert sum(calls) == 2 * len(images(store)[0])
    with encoding_nothing():
        again = kept(store, by, NOISE)
    rows, lateral = images(store)
    for epoch in range(2):
        found = [maps.read(rows, lateral, epoch) for maps in (interrupted, again)]
        assert torch.equal(*found)


def test_a_disk_without_room_is_said_before_anything_is_encoded(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=100))
    monkeypatch.setattr(image_maps, "shutil", small)
    with encoding_nothing(), pytest.raises(DataError, match=r"GiB more.*cached_views"):
        kept(store, encoders()[:1], [View()])


def test_a_damaged_file_is_named_with_what_to_do(store: ImageStore) -> None:
    maps = kept(store, encoders()[:1], [View()])
    (folder,) = folders()
    path = image_maps.MAPS / folder / image_maps.file_name(0)
    path.write_bytes(path.read_bytes()[:-100])
    rows, lateral = images(store)
    with pytest.raises(DataError, match=rf"{path}: cannot be read.*Delete .*{folder}"):
        maps.read(rows, lateral, 0)


def test_encoders_with_maps_of_two_sizes_are_refused(store: ImageStore) -> None:
    args = {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16], "output_stride": 32}
    by = [classifier(1).encoder, classifier(2, backbone_args=args).encoder]
    with encoding_nothing(), pytest.raises(ModelError, match="maps of two sizes"):
        kept(store, by, [View()])


class Unaugmented(Augmentation):
    """Changes nothing under ``OFF``, and leaves the draws of dropout as they are without it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.random.fork_rng():
            return super().forward(images)


class Mirror(Unaugmented):
    """An augmentation without chance, so that every step sees the same images."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flip(-1)


@pytest.fixture(scope="module")
def classifiers(demo: Path) -> Path:
    """Two image classifiers of the demo's size and classes; the lateral one has fewer channels."""
    content = read_yaml(demo / PARAMS)
    for seed, (view, channels) in enumerate({"frontal": 16, "lateral": 12}.items()):
        args = content["encoder"]["backbone_args"] | {"dims": [8, 8, 16, channels]}
        encoder = EncoderParams.model_validate(content["encoder"] | {"backbone_args": args})
        torch.manual_seed(seed)
        model = build_image_classifier(encoder, CXR_LT_2023, content["images"]["size"])
        model.save_pretrained(demo / "models" / view)
    return demo / "models"


def train(demo: Path, name: str, *settings: str) -> dict[str, torch.Tensor]:
    out = Path("out", name)
    train_fusion.main(
        seed=0,
        frontal=demo / "models/frontal",
        lateral=demo / "models/lateral",
        cohort=demo / "data/cohort.parquet",
        store=demo / "data/images/mimic",
        out=out,
        curves=Path("curves", name),
        settings=["freeze_encoders=true", "cached_views=0", "dropout=0.0", *settings],
    )
    return load_file(out / "model.safetensors")


@pytest.mark.parametrize(
    ("augmentation", "settings"),
    [
        (Unaugmented, []),
        (Mirror, ["encoders=shared"]),
        (Mirror, ["architecture=mmbt"]),
        (Mirror, ["mask_padding=false"]),
    ],
)
@pytest.mark.usefixtures("classifiers")
def test_a_training_with_kept_maps_is_the_training_without(
    demo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: list[str],
    augmentation: type[nn.Module],
) -> None:
    monkeypatch.chdir(tmp_path)
    content = read_yaml(demo / PARAMS)
    content["augmentation"] |= OFF
    (tmp_path / PARAMS).write_text(yaml_text(content))
    monkeypatch.setattr(study_training, "Augmentation", augmentation)
    every_step = train(demo, "every_step", *settings)
    assert not image_maps.MAPS.exists()
    once = train(demo, "once", "cached_views=2", *settings)
    assert once.keys() == every_step.keys()
    frozen = [name for name in once if name.startswith(("frontal.", "lateral."))]
    assert all(torch.equal(once[name], every_step[name]) for name in frozen)
    for name, weights in every_step.items():  # bit for bit where rounding allows no other sum
        torch.testing.assert_close(once[name], weights, rtol=0, atol=1e-4)


@pytest.mark.usefixtures("classifiers")
def test_a_training_without_images_keeps_no_maps(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / PARAMS).write_text((demo / PARAMS).read_text())
    train(demo, "texts", "cached_views=2", "inputs=[indication]")
    assert not image_maps.MAPS.exists()


def test_maps_of_encoders_that_are_trained_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cached_views: 1: .*freeze_encoders"):
        fusion_params(cached_views=1)
    assert fusion_params(cached_views=1, freeze_encoders=True).cached_views == 1
