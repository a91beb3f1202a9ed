import itertools
import json
import pickle
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pydantic import ValidationError

from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageParams, ImageStore
from camchex.errors import DataError
from camchex.images import workers
from camchex.images.decode import read_image
from camchex.images.jpeg import prepared_pixels
from camchex.images.prepare import prepare_images
from camchex.images.resize import fit_square, sufficient_side
from camchex.images.unreadable import Note, Reason, UnreadableImage
from camchex.runs.processes import AHEAD
from stages import prepare_images as stage
from tests.images.files import PARAMS, dicom, dicom_bytes, encoded, images_table, picture, saved
from tests.images.killed import die, die_of_one
from tests.runs.forked import fork_processes

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = 36


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unfinished is left below the folder that a test runs in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of JPEG, PNG and DICOM files."""
    root = tmp_path / "root"
    for number in range(GOOD):
        image = Image.fromarray(picture(60, 50, seed=number))
        name = f"p{number % 3}/{number:02}"
        if number % 3 == 0:
            saved(root / f"{name}.jpg", encoded(image, "JPEG"))
        elif number % 3 == 1:
            saved(root / f"{name}.png", encoded(image, "PNG"))
        else:
            deep = np.asarray(image).astype(np.uint16) * 16
            saved(root / f"{name}.dicom", dicom_bytes(dicom(deep, 12, "MONOCHROME1")))
    return root


def paths(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.*"))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def with_bad_files(root: Path) -> pa.Table:
    """Ten files more: six missing, three empty, one cut short."""
    for number in range(3):
        saved(root / f"bad/empty{number}.jpg", b"")
    saved(root / "bad/short.jpg", encoded(Image.fromarray(picture()), "JPEG")[:-100])
    return images_table([*paths(root), *(f"bad/missing{number}.jpg" for number in range(6))])


def test_the_store_holds_every_image_decoded_and_resized(root: Path, tmp_path: Path) -> None:
    prepared = prepare_images(images_table(paths(root)), root, tmp_path / "out", PARAMS, 0)
    store = ImageStore(tmp_path / "out")
    assert store.image_ids == paths(root)
    assert (prepared.images, prepared.prepared) == (GOOD, GOOD)
    assert not any(prepared.unreadable.values())
    for image_id, image in zip(store.image_ids, store, strict=True):
        decoded = read_image(root / image_id, sufficient_side(PARAMS.size))
        expected = fit_square(decoded, PARAMS.size, PARAMS.fit)
        assert np.abs(image.astype(int) - expected).mean() < 2  # JPEG at quality 95
    store.verify()


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_one_file_alone_is_prepared_to_the_bytes_that_the_store_gives(
    root: Path, tmp_path: Path, fit: str
) -> None:
    own = params.load("images", ImageParams, REPOSITORY / "params.yaml")
    own = own.model_copy(update={"fit": fit})
    prepare_images(images_table(paths(root)), root, tmp_path / "out", own, 0)
    store = ImageStore(tmp_path / "out")
    stored = store.batch(range(len(store)))
    alone = [prepared_pixels(root / image_id, own) for image_id in store.image_ids]
    assert {Path(image_id).suffix for image_id in store.image_ids} == {".jpg", ".png", ".dicom"}
    assert np.array_equal(stored, alone)
    decoded = read_image(root / store.image_ids[0], sufficient_side(own.size))
    unencoded = fit_square(decoded, own.size, own.fit)
    assert not np.array_equal(alone[0], unencoded)  # the quality of the store is part of it


def test_the_bytes_depend_on_neither_workers_nor_row_order(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_processes(monkeypatch)
    table = with_bad_files(root)
    half = PARAMS.model_copy(update={"max_unreadable": 0.5})
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    first = prepare_images(table, root, tmp_path / "a", half, 0)
    second = prepare_images(shuffled, root, tmp_path / "b", half, 2)
    assert first == second
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_unreadable_files_are_quarantined_with_their_reasons(root: Path, tmp_path: Path) -> None:
    table = with_bad_files(root)
    exactly = PARAMS.model_copy(update={"max_unreadable": 10 / len(table)})
    prepared = prepare_images(table, root, tmp_path / "out", exactly, 0)
    assert prepared.prepared == GOOD
    assert {reason: n for reason, n in prepared.unreadable.items() if n} == {
        "no such file": 6,
        "empty file": 3,
        "damaged or cut short": 1,
    }
    quarantine = tables.read(tmp_path / "out" / "quarantine.parquet", schemas.QUARANTINE)
    rows = quarantine.to_pylist()
    assert rows[0] == {
        "dataset": "hospital",
        "image_id": "bad/empty0.jpg",
        "path": "bad/empty0.jpg",
        "reason": "empty file",
    }
    assert (
        rows[-1]["reason"]
        == "damaged or cut short: Corrupt JPEG data: premature end of data segment"
    )
    store = ImageStore(tmp_path / "out")
    assert len(store) + len(rows) == len(table)
    assert not any(row["image_id"] in store for row in rows)


def contradictory(root: Path) -> pa.Table:
    """Three DICOM files that contradict themselves, one of them twice, and a blank PNG."""
    deep = picture().astype(np.uint16) * 16
    for number, (photometric, shape) in enumerate(
        [("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE"), ("MONOCHROME2", "IDENTITY")]
    ):
        dataset = dicom(deep, 12, photometric)
        dataset.PresentationLUTShape = shape
        if number:
            dataset.WindowCenter, dataset.WindowWidth = 30000, 10
        saved(root / f"odd/{number}.dcm", dicom_bytes(dataset))
    saved(root / "odd/blank.png", encoded(Image.new("L", (50, 60), 255), "PNG"))
    return images_table(paths(root))


def test_images_that_contradict_themselves_are_counted_named_and_listed(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_blank = PARAMS.model_copy(update={"max_unreadable": 0.1})
    table = contradictory(root)
    prepared = prepare_images(table, root, tmp_path / "out", one_blank, 0)
    assert {note: n for note, n in prepared.notes.items() if n} == {
        Note.WINDOW_NOTHING: 2,
        Note.PRESENTATION: 2,
    }
    assert set(prepared.notes) == set(map(str, Note))
    assert {reason: n for reason, n in prepared.unreadable.items() if n} == {Reason.NO_CONTRAST: 1}
    assert f"2 of {len(table)} images: {Note.PRESENTATION}" in capsys.readouterr().err
    listed = tables.read(tmp_path / "out" / "notes.parquet", schemas.IMAGE_NOTES).to_pylist()
    assert {row["path"]: row["notes"] for row in listed} == {
        "odd/0.dcm": Note.PRESENTATION,
        "odd/1.dcm": f"{Note.WINDOW_NOTHING}; {Note.PRESENTATION}",
        "odd/2.dcm": Note.WINDOW_NOTHING,
    }


def test_too_many_unreadable_files_are_an_error_that_says_which(root: Path, tmp_path: Path) -> None:
    fewer = PARAMS.model_copy(update={"max_unreadable": 9.9 / (GOOD + 10)})
    with pytest.raises(DataError) as caught:
        prepare_images(with_bad_files(root), root, tmp_path / "out", fewer, 0)
    message = str(caught.value)
    assert f"10 of the {GOOD + 10} images" in message
    assert "images.max_unreadable" in message
    assert f"{root}/bad/empty0.jpg: empty file" in message
    assert message.count(": empty file") == 3
    assert "missing" not in message  # the first three only
    assert sorted(path.name for path in tmp_path.iterdir()) == [".camchex", "root"]


def test_a_data_set_without_its_files_fails_before_all_are_tried(tmp_path: Path) -> None:
    table = images_table([f"{number:05}.jpg" for number in range(10_000)])
    with pytest.raises(DataError, match=r"201 of the 201 images"):
        prepare_images(
            table, tmp_path, tmp_path / "out", PARAMS.model_copy(update={"max_unreadable": 0.01}), 0
        )


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder\. `data\.root`"):
        prepare_images(images_table(["a"]), tmp_path / "nowhere", tmp_path / "out", PARAMS, 0)


def test_a_table_without_images_or_with_an_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing to prepare"):
        prepare_images(schemas.IMAGES.empty_table(), tmp_path, tmp_path / "out", PARAMS, 0)
    with pytest.raises(
        DataError, match=r"'image_id': 1 wrong values, the first 'x' in row 1.*in one row only"
    ):
        prepare_images(images_table(["a", "b"], ["x", "x"]), tmp_path, tmp_path / "o", PARAMS, 0)


def test_a_store_is_replaced_whole_or_not_at_all(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_images(images_table(paths(root)), root, out, PARAMS, 0)
    before = contents(out)
    with pytest.raises(DataError):
        prepare_images(images_table([*paths(root), "gone.jpg"]), root, out, PARAMS, 0)
    assert contents(out) == before
    saved(tmp_path / ".out.unfinished" / "shard-00007.arrow", b"left by a run that was killed")
    prepare_images(images_table(paths(root)[:5]), root, out, PARAMS, 0)
    assert len(ImageStore(out)) == 5
    assert sorted(path.name for path in out.iterdir()) == [
        "index.arrow",
        "notes.parquet",
        "quarantine.parquet",
        "shard-00000.arrow",
        "shards.json",
    ]


def test_few_images_are_in_memory_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_processes(monkeypatch)
    asked = itertools.count()
    endless = (tmp_path / f"{number}.jpg" for number in asked)
    looked = workers.decode_in_processes(endless, PARAMS, 1)
    next(looked)
    looked.close()
    assert next(asked) <= (AHEAD + 1) * workers.CHUNK + 1


def test_a_file_that_kills_its_process_is_quarantined(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = images_table(paths(root))
    lenient = PARAMS.model_copy(update={"max_unreadable": 0.5})
    fork_processes(monkeypatch)
    monkeypatch.setattr(workers, "prepare_files", die_of_one)
    prepared = prepare_images(table, root, tmp_path / "out", lenient, 2)
    assert prepared.unreadable["kills the decoder"] == sum(prepared.unreadable.values()) == 1
    expected = [path for path in paths(root) if Path(path).stem != "07"]
    assert ImageStore(tmp_path / "out").image_ids == expected


def test_processes_that_are_killed_whatever_they_read_are_an_error(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_processes(monkeypatch)
    monkeypatch.setattr(workers, "prepare_files", die)
    monkeypatch.setattr(workers, "CHUNK", 2)
    with pytest.raises(DataError, match=r"at each of the 2 files from .*runtime\.workers"):
        prepare_images(images_table(paths(root)), root, tmp_path / "out", PARAMS, 1)


def test_padding_reaches_the_store(root: Path, tmp_path: Path) -> None:
    padded = PARAMS.model_copy(update={"fit": "pad", "jpeg_quality": 100})
    prepare_images(images_table(paths(root)[:3]), root, tmp_path / "out", padded, 0)
    images = ImageStore(tmp_path / "out").batch([0, 1, 2])
    assert images[:, :, :2].max() <= 2  # 50 of 60 columns: black on either side
    assert images[:, :, 4:-4].mean() > 50


def test_an_unreadable_image_survives_the_way_between_processes() -> None:
    trouble = UnreadableImage(Path("a.jpg"), Reason.DAMAGED, "two\nlines")
    again = pickle.loads(pickle.dumps(trouble))  # noqa: S301 (ours)
    assert str(again) == str(trouble) == "a.jpg: damaged or cut short: two lines"
    assert again.reason is Reason.DAMAGED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", 0),
        ("fit", "crop"),
        ("jpeg_quality", 101),
        ("shard_mb", 4000),
        ("max_unreadable", -1),
    ],
)
def test_a_parameter_out_of_range_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        ImageParams.model_validate(PARAMS.model_dump() | {key: value})


def test_the_stage_writes_a_store_and_its_counts(root: Path, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path / "params.yaml")
    text = (tmp_path / "params.yaml").read_text()
    old = params.read_file(tmp_path / "params.yaml")["data"]["root"]
    text = text.replace(f"root: {old}", f"root: {root}", 1)
    (tmp_path / "params.yaml").write_text(re.sub(r"workers: \d+", "workers: 0", text))
    tables.write(images_table(paths(root)), tmp_path / "images.parquet", schemas.IMAGES)
    stage.main(Path("images.parquet"), Path("store/x"), Path("metrics/x.json"))
    counts = json.loads((tmp_path / "metrics" / "x.json").read_text())
    assert (counts["images"], counts["prepared"]) == (GOOD, GOOD)
    assert set(counts["unreadable"].values()) == set(counts["notes"].values()) == {0}
    size = params.load("images", ImageParams, tmp_path / "params.yaml").size
    assert ImageStore(tmp_path / "store" / "x").batch([0]).shape == (1, size, size)


def test_images_import_only_what_they_need() -> None:
    code = """
import sys
from camchex.contract.image_store import ImageStore
print([name for name in ("torch", "cv2", "pydicom") if name in sys.modules])
import camchex.images.prepare
print([name for name in ("torch", "timm", "transformers") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../0.png", "a/../../b", "a\0b", ""])
def test_a_path_that_leaves_the_root_is_refused(root: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match="expected a path below"):
        prepare_images(images_table([path], ["a"]), root, tmp_path / "out", PARAMS, 0)


def test_an_image_without_an_id_is_refused(root: Path, tmp_path: Path) -> None:
    table = images_table(paths(root)[:1]).drop(["image_id"])
    table = table.add_column(1, "image_id", pa.array([None], pa.string()))
    with pytest.raises(DataError, match="'image_id': 1 nulls"):
        prepare_images(table, root, tmp_path / "out", PARAMS, 0)


def test_a_file_in_place_of_the_store_is_refused_before_any_work(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    missing = images_table(["nowhere.png"])
    with pytest.raises(DataError, match="out: is a file, where a folder"):
        prepare_images(missing, root, tmp_path / "out", PARAMS, 0)


def test_what_shows_nothing_need_not_be_downloaded_again(root: Path, tmp_path: Path) -> None:
    saved(root / "black.png", encoded(Image.new("L", (40, 40)), "PNG"))
    table = images_table(["black.png", "nowhere.png"])
    with pytest.raises(DataError, match=r"\(1 no contrast, 1 no such file\)") as caught:
        prepare_images(table, root, tmp_path / "out", PARAMS, 0)
    assert "Download again what is lost or damaged" in str(caught.value)
