import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg

from camchex.contract.image_store import CONTENTS, INDEX, ImageStore
from camchex.errors import DataError
from camchex.images.shards import MEGABYTE, ShardWriter
from tests.images.files import picture

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
    return simplejpeg.encode_jpeg(
        image[..., None], quality=QUALITY, colorspace="GRAY", colorsubsampling="Gray"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of several shards."""
    out = tmp_path / "store"
    out.mkdir()
    writer = ShardWriter(out, SIZE, shard_mb=1)
    for image_id, image in zip(IDS, IMAGES, strict=True):
        writer.add(image_id, jpeg(image))
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


def test_a_changed_byte_is_found(folder: Path) -> None:
    store = ImageStore(folder)
    store.verify()
    shard = folder / store.contents.shards[1].file
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"shard-00001\.arrow: its SHA-256"):
        ImageStore(folder).verify()


def test_a_damaged_image_is_named_not_returned(folder: Path) -> None:
    shard = folder / "shard-00000.arrow"
    content = shard.read_bytes()
    at = content.index(jpeg(IMAGES[2]))
    shard.write_bytes(content[: at + 2000] + bytes(2000) + content[at + 4000 :])
    store = ImageStore(folder)
    assert store[1].any()
    with pytest.raises(DataError, match=r"image image-002 is damaged"):
        store.batch([1, 2])


def test_a_folder_that_is_no_complete_store_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not an image store"):
        ImageStore(tmp_path / "nothing")
    contents = (folder / CONTENTS).read_text()
    (folder / CONTENTS).write_text(contents[:40])
    with pytest.raises(DataError, match=r"shards\.json"):
        ImageStore(folder)
    (folder / CONTENTS).write_text(contents.replace('"rows": ', '"rows": 1'))
    with pytest.raises(DataError, match=r"other images than its index"):
        ImageStore(folder)
    (folder / CONTENTS).write_text(contents)
    index = (folder / INDEX).read_bytes()
    for broken in (b"", index[:-100], (folder / "shard-00001.arrow").read_bytes()):
        (folder / INDEX).write_bytes(broken)
        with pytest.raises(DataError, match=r"index\.arrow: (cannot be opened|its schema is)"):
            ImageStore(folder)
    (folder / INDEX).write_bytes(index)
    (folder / "shard-00001.arrow").unlink()
    with pytest.raises(DataError, match=r"shard-00001\.arrow: no such file"):
        ImageStore(folder)


def test_opening_reads_neither_the_images_nor_their_ids(folder: Path) -> None:
    before = pa.total_allocated_bytes()
    store = ImageStore(folder)
    assert pa.total_allocated_bytes() == before  # all of it is in memory maps
    assert len(store) == len(IDS)
