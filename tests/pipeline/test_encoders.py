"""Encoders side by side: what each is, what is trained, and what the table says."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score, roc_auc_score

from ablations import encoders
from ablations.encoders import (
    PREDICTIONS,
    WORK,
    compare,
    encoder_folders,
    encoder_table,
    slug,
    table_text,
)
from camchex.aggregates.results import read_results
from camchex.contract import params, schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import ModelError
from camchex.networks.image_classifier import ImageClassifier, build_image_classifier
from camchex.networks.params import EncoderParams
from camchex.scores.labelled_split import Split, labelled_split, read_probabilities
from camchex.scores.params import EvaluationParams
from tests.networks.test_transformers_backbone import publish
from tests.training.demo import SIZE, write_demo

SEEDS = (0, 1)
GEN0, PAIR = "models/gen0", "models/views"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    content = read_yaml(folder / "params.yaml")
    content["seeds"] = list(SEEDS)
    content["evaluation"] |= {"min_cell": 1}
    content["fusion"]["training"]["epochs"] = 1
    content["runtime"]["portable"] = False
    (folder / "params.yaml").write_text(yaml_text(content))
    encoder = EncoderParams.model_validate(content["encoder"])
    for number, place in enumerate((GEN0, f"{PAIR}/frontal", f"{PAIR}/lateral")):
        torch.manual_seed(number)
        build_image_classifier(encoder, CXR_LT_2023, SIZE).save_pretrained(folder / place)
    return folder


@pytest.fixture
def here(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(demo)
    return demo


def folders_of(name: str) -> list[Path]:
    return encoder_folders(name, params.load("encoder", EncoderParams), CXR_LT_2023)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = load_file(folder / "model.safetensors")
    return {name: tensor for name, tensor in found.items() if name.startswith("encoder.")}


@pytest.mark.usefixtures("here")
def test_a_folder_is_itself_and_a_pair_is_one_encoder_for_each_view() -> None:
    assert folders_of(GEN0) == [Path(GEN0)]
    assert folders_of(PAIR) == [Path(PAIR, "frontal"), Path(PAIR, "lateral")]


def test_a_published_encoder_becomes_a_folder_with_its_own_weights(here: Path) -> None:
    published = publish("vit", here / "published/vit")
    (folder,) = folders_of(f"hf:{here / 'published/vit'}")
    model = ImageClassifier.from_pretrained(folder, SIZE, CXR_LT_2023)
    own, given = model.encoder.backbone.model.state_dict(), published.state_dict()
    layers = [name for name in own if ".layer" in name]
    assert layers
    assert all(torch.equal(own[name], given[name]) for name in layers)


@pytest.mark.usefixtures("here")
def test_an_untrained_encoder_is_always_the_same_one() -> None:
    first, again = (weights(folders_of("random")[0]) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert weights(Path(GEN0)).keys() == first.keys()


@pytest.mark.usefixtures("here")
def test_a_network_of_timm_may_be_untrained_and_takes_the_size_of_the_images() -> None:
    (folder,) = folders_of("vit_tiny_patch16_224=none")
    assert ImageClassifier.from_pretrained(folder).image_size == SIZE
    other = folders_of("resnet10t=none")
    assert other != [folder]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("models/gen9", "no such folder.*hf:owner/name"),
        ("published/dinov2", "write hf:published/dinov2"),
        ("resnet_of_nobody", "resnet_of_nobody"),
        ("resnet10t=nowhere", "nowhere"),
        ("data", "config.json"),
    ],
)
def test_what_is_no_encoder_is_named_with_what_to_write(
    here: Path, name: str, message: str
) -> None:
    publish("dinov2", here / "published/dinov2")
    with pytest.raises(ModelError, match=rf"--encoder {name}: .*{message}"):
        compare([name], views=1)


def predicted(name: str) -> list[np.ndarray]:
    test = labelled_split(
        tables.read(encoders.COHORT, schemas.cohort(CXR_LT_2023)), "test", CXR_LT_2023
    )
    files = [WORK / slug(name) / f"seed{seed}" / PREDICTIONS for seed in SEEDS]
    return [read_probabilities(file, test) for file in files]


@pytest.mark.usefixtures("here")
def test_encoders_are_compared_and_what_is_done_is_not_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that stops at the second encoder keeps the first one, and the next run ends it."""
    fit, trained = encoders.fit, []
    stops = {len(SEEDS), 2 * len(SEEDS) + 1}

    def counted(*given: object) -> object:
        trained.append(given)
        if len(trained) - 1 in stops:
            raise KeyboardInterrupt
        return fit(*given)

    monkeypatch.setattr(encoders, "fit", counted)
    with pytest.raises(KeyboardInterrupt):
        compare([GEN0, PAIR], views=2)
    assert not encoders.OUT.exists()
    compare([GEN0, PAIR], views=2)
    assert len(trained) == 2 * len(SEEDS) + 1
    written = encoders.OUT.read_bytes()
    compare([GEN0, PAIR], views=2)
    assert len(trained) == 2 * len(SEEDS) + 1
    assert encoders.OUT.read_bytes() == written
    assert list(read_results(encoders.OUT)["encoders"]) == [GEN0, PAIR]
    assert f"| `{PAIR}` |" in encoders.OUT.with_suffix(".md").read_text()
    (one, other), (pair, _) = predicted(GEN0), predicted(PAIR)
    assert not np.allclose(one, other, atol=1e-6)
    assert not np.allclose(one, pair, atol=1e-6)
    with pytest.raises(KeyboardInterrupt):
        compare([PAIR], views=1)  # other maps, so trained again
    assert len(trained) == 2 * len(SEEDS) + 2


def split(studies: int = 60, classes: int = 3) -> Split:
    draw = np.random.default_rng(0)
    labels = (draw.random((studies, classes)) < 0.4).astype(float)
    labels[:5, 0] = np.nan
    table = pa.table({"patient_id": [f"p{n // 2}" for n in range(studies)]})
    return Split(table, ["Edema", "Mass", "Nodule"], labels, np.ones(studies, np.int64))


def guesses(test: Split, noise: float, seeds: int = 3) -> list[np.ndarray]:
    draws = [
        np.random.default_rng(seed).normal(0, noise, test.labels.shape) for seed in range(seeds)
    ]
    return [1 / (1 + np.exp(-(np.nan_to_num(test.labels) + one))) for one in draws]


def evaluation(min_cell: int) -> EvaluationParams:
    bootstrap = {"resamples": 200, "seed": 0, "level": 0.95}
    return EvaluationParams.model_validate({"min_cell": min_cell, "bootstrap": bootstrap})


def mean_scores(test: Split, probabilities: Sequence[np.ndarray], score: object) -> list[float]:
    known = ~np.isnan(test.labels)
    columns = range(test.labels.shape[1])
    assert callable(score)
    return [
        fmean(score(test.labels[known[:, q], q], one[known[:, q], q]) for q in columns)
        for one in probabilities
    ]


def test_the_table_holds_means_spreads_and_intervals() -> None:
    test = split()
    found = {"weak": guesses(test, 2.0), "same": guesses(test, 2.0), "good": guesses(test, 0.5)}
    table = encoder_table(test, found, evaluation(1), workers=1)
    for name, probabilities in found.items():
        for score, oracle in (("mAP", average_precision_score), ("AUROC", roc_auc_score)):
            row, expected = table[name][score], mean_scores(test, probabilities, oracle)
            assert row["mean"] == pytest.approx(fmean(expected))
            assert row["sd"] == pytest.approx(stdev(expected))
            low, high = row["interval"]
            assert low < row["mean"] < high
    assert table["same"]["mAP"]["lead"] == 0
    assert table["same"]["mAP"]["lead_interval"] == [0, 0]
    lead = table["good"]["mAP"]
    assert lead["lead"] == pytest.approx(lead["mean"] - table["weak"]["mAP"]["mean"])
    assert 0 < lead["lead_interval"][0] < lead["lead"] < lead["lead_interval"][1]
    head = {"title": "Image encoders", "data": "real", "studies": 60, "seeds": [0, 1, 2]}
    text = table_text({**head, "level": 0.95, "views": 1, "epochs": 7, "encoders": table})
    assert "Real data, 60 test studies" in text
    assert f"| `good` | {lead['mean']:.3f} ± {lead['sd']:.3f} | " in text


def test_a_mean_that_would_tell_the_score_of_one_small_class_is_hidden() -> None:
    labels = split().labels.copy()
    labels[:, 1:] = np.nan
    labels[:, 0] = np.arange(len(labels)) < 2
    test = Split(split().table, split().classes, labels, split().images)
    found = {"one": guesses(test, 1.0)}
    assert encoder_table(test, found, evaluation(1), workers=1)
    assert encoder_table(test, found, evaluation(5), workers=1) == {}
