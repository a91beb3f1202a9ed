"""The view classifier: right on images whose view is known, silent where it is not sure or off."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageParams, ImageStore
from camchex.contract.labels import LabelParams
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError, ModelError
from camchex.images.decode import read_image
from camchex.images.prepare import prepare_images
from camchex.sources.mimic.mimic_cxr import read_metadata
from camchex.sources.mimic.mimic_tables import MimicFiles, read_mimic
from camchex.synthetic.make import make_cohort
from camchex.views.classify import classify_views, count_decided, least_accuracy
from camchex.views.params import ViewParams
from camchex.views.train import READ_SIDE, Known, train_classifier, with_every_trait
from camchex.views.view_classifier import (
    FOLDER,
    ViewClassifier,
    ViewClassifierConfig,
    beside,
    read_view_classifier,
    square,
    write_view_classifier,
)
from stages.classify_views import main
from tests.synthetic.small import small

REPO = Path(__file__).resolve().parents[2]

ON, OFF = (ViewParams(classifier=on, confidence=0.9) for on in (True, False))
IMAGE_PARAMS = ImageParams(size=64, fit="stretch", jpeg_quality=95, shard_mb=16, max_unreadable=0.0)
LABELS = LabelParams(space="cxr-lt-2023", splits="cxr-lt", imply_no_finding=True)


@dataclasses.dataclass(frozen=True)
class Small:
    """A synthetic cohort of which the view of a fifth of the images is hidden."""

    images: pa.Table
    studies: pa.Table
    store: ImageStore
    truth: dict[str, str]  # view of every image


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    studies = {"train": 50, "development": 25, "test": 15}
    make_cohort(small(studies=studies), folder / "raw", folder / "truth", workers=0)
    jpg, lt = folder / "raw/mimic-cxr-jpg", folder / "raw/cxr-lt-2023"
    names = ("metadata", "split", "chexpert")
    files = MimicFiles(
        *(jpg / f"mimic-cxr-2.0.0-{name}.csv.gz" for name in names),
        {split: lt / f"{split}.csv" for split in schemas.SPLITS},
    )
    mimic, _ = read_mimic(files, "mimic-cxr-jpg", LABELS)
    prepare_images(mimic.images, folder / "raw", folder / "store", IMAGE_PARAMS, 0, folder / "tmp")
    known = mimic.images.filter(pc.not_equal(mimic.images["view_source"], schemas.UNKNOWN_VIEW))
    hidden = np.arange(known.num_rows) % 5 == 0
    source = pc.if_else(pa.array(hidden), schemas.UNKNOWN_VIEW, known["view_source"])
    view = pc.if_else(pa.array(hidden), "frontal", known["view"])
    truth = dict(zip(known["image_id"].to_pylist(), known["view"].to_pylist(), strict=True))
    images = known.set_column(known.column_names.index("view"), "view", view)
    images = images.set_column(known.column_names.index("view_source"), "view_source", source)
    return Small(images.cast(schemas.IMAGES), mimic.studies, ImageStore(folder / "store"), truth)


@pytest.fixture(scope="module")
def found(cohort: Small) -> tuple[pa.Table, ViewClassifier, dict]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("camchex.views.train.PER_VIEW", 300)  # soon, and good enough here
        views, classifier, counts = classify_views(
            cohort.images, cohort.studies, cohort.store, ON, 1
        )
    assert classifier is not None
    return views, classifier, dict(counts)


def test_the_view_is_right_on_patients_that_were_not_trained_on(
    cohort: Small, found: tuple[pa.Table, ViewClassifier, dict]
) -> None:
    views, _, counts = found
    assert views["image_id"].to_pylist() == sorted(
        image for number, image in enumerate(cohort.truth) if number % 5 == 0
    )
    decided = views.filter(pc.is_valid(views["view"]))
    rows = decided.select(["image_id", "view"]).to_pylist()
    right = [cohort.truth[row["image_id"]] == row["view"] for row in rows]
    assert np.mean(right) >= 0.95
    assert len(right) >= 0.9 * views.num_rows
    assert {"frontal", "lateral"} == set(decided["view"].to_pylist())
    assert pc.min(decided["confidence"]).as_py() >= ON.confidence
    assert all(least >= 0.95 for least in counts["development"]["accuracy_at_least"].values())


def test_what_is_inverted_or_upside_down_looks_so(
    cohort: Small, found: tuple[pa.Table, ViewClassifier, dict]
) -> None:
    _, classifier, counts = found
    assert (counts["unknown"]["looks_inverted"], counts["unknown"]["looks_upside_down"]) == (0, 0)
    for image in cohort.store.batch(range(5)):
        assert classifier.look(image).oddities == []
        assert classifier.look(255 - image).oddities == ["inverted"]
        assert classifier.look(image[::-1, ::-1]).oddities == ["upside down"]
        seen = classifier.look(image)
        assert seen.is_sure == (seen.confidence >= ON.confidence)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for a moment: enough where the result need not be good."""
    monkeypatch.setattr("camchex.views.train.ROUNDS", 1)
    monkeypatch.setattr("camchex.views.train.PER_VIEW", 40)


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_equal_data_give_equal_bytes_and_only_training_images_decide_them(
    cohort: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    split = cohort.studies["split"].take(
        pc.index_in(cohort.images["study_id"], cohort.studies["study_id"])
    )
    other = pc.if_else(pc.equal(cohort.images["view"], "frontal"), "lateral", "frontal")
    held_out = pc.if_else(pc.equal(split, "train"), cohort.images["view"], other)
    wrong_elsewhere = cohort.images.set_column(
        cohort.images.column_names.index("view"), "view", held_out
    )
    made = []
    for number, images in enumerate((cohort.images, cohort.images, wrong_elsewhere)):
        views, classifier, _ = classify_views(images, cohort.studies, cohort.store, ON, 1)
        assert classifier is not None
        own = dataclasses.replace(classifier, config=ViewClassifierConfig(confidence=0.9))
        write_view_classifier(own, tmp_path / str(number))
        made.append((written(tmp_path / str(number)), views))
    assert made[0] == made[1] == made[2]


def test_switched_off_it_reads_no_image_and_decides_nothing(cohort: Small) -> None:
    nothing: ImageStore = None  # type: ignore[assignment]
    views, classifier, counts = classify_views(cohort.images, cohort.studies, nothing, OFF, 5)
    assert (views.num_rows, classifier, counts) == (0, None, {"classifier": "off"})


def test_a_cohort_without_lateral_images_is_refused(cohort: Small) -> None:
    frontal = cohort.images.filter(pc.equal(cohort.images["view"], "frontal"))
    with pytest.raises(DataError, match=r"known to be lateral.*views\.classifier to false"):
        classify_views(frontal, cohort.studies, cohort.store, ON, 5)


def test_a_patient_in_two_splits_is_refused(cohort: Small) -> None:
    one = pa.repeat("p1", cohort.studies.num_rows)
    studies = cohort.studies.set_column(1, cohort.studies.field("patient_id"), one)
    with pytest.raises(DataError, match="patient p1 is in several splits"):
        classify_views(cohort.images, studies, cohort.store, ON, 5)


def test_an_image_that_was_not_prepared_is_left_out(
    cohort: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    rows = [{**cohort.images.to_pylist()[0], "image_id": "0-lost"}]  # row 0: of unknown view
    more = pa.concat_tables([cohort.images, pa.Table.from_pylist(rows, schema=schemas.IMAGES)])
    views, _, _ = classify_views(more, cohort.studies, cohort.store, ON, 1)
    assert "0-lost" not in views["image_id"].to_pylist()


@pytest.mark.parametrize(
    ("lateral", "expected"),
    [
        ([0.99] * 9 + [0.01] * 8 + [0.5] * 7, (8, 9, 7)),
        ([0.99] * 9 + [0.01] * 8 + [0.5] * 2, (8, 9, None)),  # 2 are few, and so are 8 told by 19
        ([0.99] * 9 + [0.01] * 8, (8, 9, 0)),
    ],
)
def test_no_small_number_of_decisions_follows_from_the_total(
    lateral: list[float], expected: tuple[int | None, ...]
) -> None:
    views = pa.table(
        {
            "image_id": [f"{n:02}" for n in range(len(lateral))],
            "view": [None if p == 0.5 else "lateral" if p > 0.5 else "frontal" for p in lateral],
            "confidence": [max(p, 1 - p) for p in lateral],
            "inverted": [0.0] * len(lateral),
            "upside_down": [0.9] + [0.1] * (len(lateral) - 1),
        }
    ).cast(schemas.VIEWS)
    counts = count_decided(views, 5)
    found = [counts[name] for name in ("frontal", "lateral", "below_confidence")]
    assert found == list(expected) if None not in expected else found.count(None) == 2
    assert (counts["looks_inverted"], counts["looks_upside_down"]) == (0, 1)


def test_every_image_is_an_example_of_both_values_of_what_can_be_made() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    squares, traits = with_every_trait(Known(image, np.array([True])))
    turned = np.rot90(image[0], 2)
    for made, expected in zip(
        squares, (image[0], 255 - image[0], turned, 255 - turned), strict=True
    ):
        assert np.array_equal(made, expected)
    assert traits.tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]]


def test_probabilities_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.neural_network import MLPClassifier

    from camchex.views.view_classifier import standardised

    quick(monkeypatch)
    networks: list[MLPClassifier] = []
    make: Callable[..., MLPClassifier] = MLPClassifier

    def remember(*words: object, **named: object) -> MLPClassifier:
        networks.append(make(*words, **named))
        return networks[-1]

    monkeypatch.setattr("sklearn.neural_network.MLPClassifier", remember)
    draw = np.random.default_rng(1)
    squares = draw.integers(0, 256, (20, 40, 40), dtype=np.uint8)
    squares[0] = 128  # blank
    weights = train_classifier(Known(squares, np.arange(20) < 5))
    own = np.stack([square(one) for one in squares])
    expected = networks[0].predict_proba(standardised(own))
    found = ViewClassifier(weights, ViewClassifierConfig()).probabilities(own)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 8))
def test_the_accuracy_that_is_shown_is_never_too_good_and_tells_no_small_count(
    right: int, wrong: int, min_cell: int
) -> None:
    def shown(wrong: int) -> float | None:
        return least_accuracy(np.arange(right + wrong) >= wrong, min_cell)

    if right + wrong < min_cell:
        assert shown(wrong) is None
        return
    assert shown(wrong) <= right / (right + wrong)
    if wrong >= min_cell or not wrong:
        assert right / (right + wrong) - shown(wrong) < 1e-4
    else:
        total = right + wrong
        answers = {least_accuracy(np.arange(total) >= w, min_cell) for w in range(1, min_cell)}
        assert len(answers) == 1


@pytest.fixture
def workspace(cohort: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tables.write(cohort.images, tmp_path / "images.parquet", schemas.IMAGES)
    tables.write(cohort.studies, tmp_path / "studies.parquet", schemas.STUDIES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(workspace: Path, store: Path, *, on: bool) -> dict:
    params = read_yaml(REPO / "params.yaml")
    params["views"]["classifier"] = on
    (workspace / "params.yaml").write_text(yaml_text(params))
    main(
        images=workspace / "images.parquet",
        studies=workspace / "studies.parquet",
        store=store,
        out=workspace / "views.parquet",
        model=workspace / "model",
        metrics=workspace / "views.json",
    )
    counts: dict = json.loads((workspace / "views.json").read_text())
    return counts


def test_the_stage_replaces_what_it_wrote_once_it_is_switched_off(
    cohort: Small, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    counts = run(workspace, cohort.store.folder, on=True)
    unknown = pc.sum(pc.equal(cohort.images["view_source"], schemas.UNKNOWN_VIEW)).as_py()
    assert counts["unknown"]["images"] == unknown
    views = tables.read(workspace / "views.parquet", schemas.VIEWS)
    assert views.num_rows == unknown
    assert read_view_classifier(workspace / "model") is not None

    assert run(workspace, cohort.store.folder, on=False) == {"classifier": "off"}
    assert tables.read(workspace / "views.parquet", schemas.VIEWS).num_rows == 0
    assert read_view_classifier(workspace / "model") is None


def test_switched_off_the_stage_loads_no_library_of_learning() -> None:
    code = """
import sys
import stages.classify_views
assert not {"torch", "sklearn.neural_network"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=REPO, check=True)


@pytest.mark.slow
def test_real_x_rays_of_other_patients_are_told_apart(real_data: Path) -> None:
    root = real_data / "open_cohort"
    table = root / "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz"
    images, _ = read_metadata(table, "mimic-cxr-jpg")
    held_out = np.array([int(patient) % 3 == 0 for patient in images["patient_id"].to_pylist()])
    lateral = pc.equal(images["view"], "lateral").to_numpy()
    pixels = [read_image(root / path, at_least=READ_SIDE) for path in images["path"].to_pylist()]
    squares = np.stack([square(image, READ_SIDE) for image in pixels])
    weights = train_classifier(Known(squares[~held_out], lateral[~held_out]))
    own = np.stack([square(image) for image, held in zip(pixels, held_out, strict=True) if held])
    examples, traits = with_every_trait(Known(own, lateral[held_out]))
    found = ViewClassifier(weights, ViewClassifierConfig()).probabilities(examples) > 0.5
    right = (found == traits.astype(bool)).mean(axis=0)
    assert lateral[held_out].sum() >= 2
    assert min(right) >= 0.95, right


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        quick(monkeypatch)
        squares = np.random.default_rng(0).integers(0, 256, (8, 40, 40), dtype=np.uint8)
        weights = train_classifier(Known(squares, np.arange(8) < 4))
        config = ViewClassifierConfig(confidence=0.8, accuracy={"lateral": 0.99})
        write_view_classifier(ViewClassifier(weights, config), tmp_path / FOLDER)
        return tmp_path / FOLDER

    def test_a_classifier_is_read_as_it_was_written(self, folder: Path, tmp_path: Path) -> None:
        classifier = read_view_classifier(folder)
        assert classifier is not None
        assert classifier.config.accuracy == {"lateral": 0.99}
        write_view_classifier(classifier, tmp_path / "again")
        assert written(tmp_path / "again") == written(folder)

    def test_none_is_written_over_an_older_one(self, folder: Path) -> None:
        write_view_classifier(None, folder)
        assert [path.name for path in folder.iterdir()] == ["config.json"]
        assert read_view_classifier(folder) is None
        assert read_view_classifier(folder / "nowhere") is None

    @pytest.mark.parametrize(
        ("name", "damage"),
        [
            ("config.json", b"{"),
            ("config.json", b'{"confidence": 0.9, "side": 16}'),
            ("config.json", b'{"unknown": 1}'),
            *(("config.json", b'{"confidence": %s}' % n) for n in (b"0.5", b"1", b"90", b"NaN")),
            ("config.json", b'{"confidence": 0.9, "accuracy": {"lateral": 1.5}}'),
            ("model.safetensors", b"pickle"),
            ("model.safetensors", None),
        ],
    )
    def test_a_damaged_folder_is_refused(
        self, folder: Path, name: str, damage: bytes | None
    ) -> None:
        (folder / name).unlink()
        if damage is not None:
            (folder / name).write_bytes(damage)
        with pytest.raises(ModelError, match=r"(?s)view_classifier: .*dvc repro classify_views"):
            read_view_classifier(folder)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1.0])
    def test_a_weight_that_is_no_number_is_refused(self, folder: Path, value: float) -> None:
        weights = {
            name: array.copy() for name, array in load_file(folder / "model.safetensors").items()
        }
        weights["output.bias"][0] = value
        dtype = np.float32 if not np.isfinite(value) else np.float64
        weights["output.bias"] = weights["output.bias"].astype(dtype)
        save_file(weights, folder / "model.safetensors")
        with pytest.raises(ModelError, match=r"view_classifier: output\.bias .*dvc repro"):
            read_view_classifier(folder)

    def test_it_is_found_in_the_model_or_where_the_pipeline_puts_it(self, tmp_path: Path) -> None:
        model = tmp_path / "models/fusion/seed0"
        assert beside(model) == tmp_path / "models" / FOLDER
        (model / FOLDER).mkdir(parents=True)
        assert beside(model) == model / FOLDER
