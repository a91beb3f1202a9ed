import pickle
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg

from camchex.contract import checksums
from camchex.contract.image_store import CONTENTS, INDEX, ImageStore
from camchex.errors import DataError
from camchex.images.shards import MEGABYTE, ShardWriter
from camchex.images.stored_image import stored_image
from tests.images.files import picture

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = 256
IDS = [f"image-{number:03}" for number in range(40)]
IMAGES = np.stack(
    [
        picture(SIZE, SIZE, seed) ^ np.random.default_rng(seed).integers(0, 96, (SIZE, SIZE), "u1")
        for seed in range(len(IDS))
    ]
)
QUALITY = 98


def jpeg(image: np.ndarray) -> bytes:
    return stored_image(image, QUALITY).jpeg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of several shards."""
    out = tmp_path / "store"
    out.mkdir()
    writer = ShardWriter(out, SIZE, shard_mb=1)
    for image_id, image in zip(IDS, IMAGES, strict=True):
        writer.add(image_id, stored_image(image, QUALITY))
    writer.close()
    return out


def test_what_is_stored_comes_back(folder: Path) -> None:
    store = ImageStore(folder)
    assert (len(store), store.size, store.image_ids) == (len(IDS), SIZE, IDS)
    back = store.batch(range(len(store))).astype(int)
    assert np.abs(back - IMAGES).mean() < 1  # JPEG
    for image, stored in zip(IMAGES, store, strict=True):
        assert np.array_equal(stored, simplejpeg.decode_jpeg(jpeg(image), "GRAY")[..., 0])


def test_shards_are_about_as_large_as_asked_for(folder: Path) -> None:
    shards = ImageStore(folder).contents.shards
    assert len(shards) == 3
    largest = max(len(jpeg(image)) for image in IMAGES)
    for shard in shards[:-1]:
        size = (folder / shard.file).stat().st_size
        assert MEGABYTE <= size < MEGABYTE + largest + 10_000


def test_random_access_equals_sequential_access(folder: Path) -> None:
    store = ImageStore(folder)
    everything = store.batch(range(len(store)))
    order = np.random.default_rng(0).permutation(len(store))
    assert np.array_equal(store.batch(order), everything[order])
    assert np.array_equal(store[-1], everything[-1])
    assert store.batch([]).shape == (0, SIZE, SIZE)
    with pytest.raises(IndexError):
        store[len(store)]


def test_ids_are_found_in_the_order_asked_for(folder: Path) -> None:
    store = ImageStore(folder)
    assert store.rows([IDS[7], IDS[3], IDS[7]]).tolist() == [7, 3, 7]
    assert store.rows([]).dtype == np.int64
    assert IDS[3] in store
    for absent in ("image", "image-0005", "zebra", 3):
        assert absent not in store


def test_a_lost_id_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"2 of 3 images are not in the store, first no-such"):
        ImageStore(folder).rows(["no-such", IDS[0], "neither"])


def test_a_pickled_store_is_small_and_reads_the_same(folder: Path) -> None:
    store = ImageStore(folder)
    before = store.batch([1, 30])
    pickled = pickle.dumps(store)
    assert len(pickled) < 500
    assert np.array_equal(pickle.loads(pickled).batch([1, 30]), before)  # noqa: S301 (ours)


def damage(file: Path, at: int, xor: int = 0xFF) -> None:
    """Change one byte of a file where it stands."""
    with file.open("r+b") as content:
        content.seek(at)
        byte = content.read(1)[0]
        content.seek(at)
        content.write(bytes([byte ^ xor]))


@pytest.mark.parametrize("name", ["shard-00001.arrow", INDEX])
def test_a_store_with_a_flipped_bit_is_not_opened(folder: Path, name: str) -> None:
    ImageStore(folder).verify()
    damage(folder / name, (folder / name).stat().st_size // 2, 1)
    again = rf"{name}: its SHA-256 .* Delete the folder and run `dvc repro`"
    with pytest.raises(DataError, match=again):
        ImageStore(folder)


def test_what_is_damaged_while_it_is_read_is_named_not_returned(folder: Path) -> None:
    store = ImageStore(folder)
    pickled = pickle.dumps(store)
    at = (folder / "shard-00000.arrow").read_bytes().index(jpeg(IMAGES[2]))
    for place in range(at + 2000, at + 4000):
        damage(folder / "shard-00000.arrow", place)
    for reader in (store, pickle.loads(pickled)):  # noqa: S301 (ours)
        assert reader[1].any()
        with pytest.raises(
            DataError, match=r"shard-00000\.arrow: image image-002 is damaged[^`]*`dvc repro`"
        ):
            reader.batch([1, 2])
        with pytest.raises(DataError, match=r"shard-00000\.arrow: its SHA-256"):
            reader.verify()


def tiny_store(folder: Path) -> np.ndarray:
    """A store of two images of 8 x 8 pixels in one shard, and what it holds."""
    folder.mkdir()
    writer = ShardWriter(folder, 8, shard_mb=1)
    images = [stored_image(image[:8, :8], QUALITY) for image in IMAGES[:2]]
    for image_id, image in zip("ab", images, strict=True):
        writer.add(image_id, image)
    writer.close()
    return np.stack([simplejpeg.decode_jpeg(image.jpeg, "GRAY")[..., 0] for image in images])


def test_any_changed_byte_of_any_file_is_an_error_or_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_thread = SimpleNamespace(map=map)  # to start threads takes longer than to read these files
    monkeypatch.setattr(checksums, "ThreadPoolExecutor", lambda: nullcontext(one_thread))
    right = tiny_store(tmp_path / "store")
    refused, harmless = 0, []
    for file in sorted((tmp_path / "store").iterdir()):
        for at in range(file.stat().st_size):
            damage(file, at, 1 + at % 255)
            try:
                store = ImageStore(tmp_path / "store")
                assert store.image_ids == ["a", "b"]
                assert np.array_equal(store.batch(range(2)), right)
                harmless.append(file.name)
            except DataError as error:
                refused += "Delete the folder and run `dvc repro`" in str(error)
            damage(file, at, 1 + at % 255)
    total = sum(file.stat().st_size for file in (tmp_path / "store").iterdir())
    assert refused == total - len(harmless)
    assert set(harmless) <= {CONTENTS}  # white space
    assert len(harmless) < 50


def test_offsets_are_looked_at_even_where_a_checksum_is_right(tmp_path: Path) -> None:
    """A byte of a shard or of the index is changed, and its checksum with it: nothing aborts."""
    tiny_store(tmp_path / "store")
    code = """
import sys
from pathlib import Path
from camchex.contract import image_store
from camchex.errors import DataError
from tests.contract.test_image_store import damage
image_store.require_unchanged = lambda *_: None
refused = 0
for name in ("index.arrow", "shard-00000.arrow"):
    file = Path(sys.argv[1]) / name
    for at in range(0, file.stat().st_size, 3):
        value = 0xFF if at % 2 else 0x05
        damage(file, at, value)
        try:
            store = image_store.ImageStore(file.parent)
            store.rows(store.image_ids)
            store.index.to_pylist()
            store.batch(range(2))
        except DataError:
            refused += 1
        damage(file, at, value)
print(refused)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "store")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_a_folder_that_is_no_complete_store_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not an image store"):
        ImageStore(tmp_path / "nothing")
    contents = (folder / CONTENTS).read_text()
    for other in (contents[:40], contents.replace('"rows": ', '"rows": 1')):
        (folder / CONTENTS).write_text(other)
        with pytest.raises(DataError, match=r"shards\.json"):
            ImageStore(folder)
    (folder / CONTENTS).write_text(contents)
    index = (folder / INDEX).read_bytes()
    for broken in (b"", index[:-100], (folder / "shard-00001.arrow").read_bytes()):
        (folder / INDEX).write_bytes(broken)
        with pytest.raises(DataError, match=r"index\.arrow: its SHA-256"):
            ImageStore(folder)
    (folder / INDEX).write_bytes(index)
    (folder / "shard-00001.arrow").unlink()
    with pytest.raises(DataError, match=r"shard-00001\.arrow: cannot be read: No such file"):
        ImageStore(folder)


def test_opening_reads_neither_the_images_nor_their_ids(folder: Path) -> None:
    before = pa.total_allocated_bytes()
    store = ImageStore(folder)
    assert pa.total_allocated_bytes() == before  # all of it is in memory maps
    assert len(store) == len(IDS)
