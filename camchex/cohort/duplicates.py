"""The same picture under several ids: found by fingerprints, across patients, splits and data sets.

Two images are alike if their fingerprints differ in at most ``ALIKE`` of 256 bits. MIMIC-CXR has
7e10 pairs of images. Only those are compared that agree in one of 16 words of 16 bits, as all do
that differ in less than 16 bits; of X-rays of two patients, one pair in 500 does. A picture whose
grey levels are turned round has the opposite of every bit, and counts as alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from camchex.aggregates.small_cells import Counts
from camchex.contract import schemas, tables
from camchex.contract.image_store import ImageStore
from camchex.errors import DataError, counted
from camchex.sources.csv.lookup import values_of

ALIKE = 24
"""Most bits that differ between versions of one picture: docs/method.md, section 2."""
WORDS = schemas.FINGERPRINT_BYTES // 2
COUNTED = pa.schema(
    [
        ("dataset", pa.string()),
        ("images", pa.int64()),  # that were prepared
        ("repeated", pa.int64()),  # that show the same picture as another image
        ("across_patients", pa.int64()),  # as one of another patient
        ("across_splits", pa.int64()),  # as one of another split of the cohort
        ("in_development", pa.int64()),  # not in the development split, but as one of it
        ("in_test", pa.int64()),  # not in the test split, but as one of it
    ]
)

Fingerprints = NDArray[np.uint16]  # (N, WORDS)
Rows = NDArray[np.int64]
Pairs = NDArray[np.int64]  # rows, (P, 2)


@dataclass(frozen=True)
class DataSet:
    """The prepared images of a data set, and whose they are."""

    store: ImageStore
    images: pa.Table  # schemas.IMAGES


def find_duplicates(
    sets: Mapping[str, DataSet], studies: pa.Table
) -> tuple[pa.Table, dict[str, Counts]]:
    """Find prepared images that show the same picture.

    Images that are alike are one group, and so are all that are alike to one of a group.

    Args:
        sets: Data sets by name.
        studies: ``schemas.STUDIES`` of the cohort, from which splits are taken.

    Returns:
        ``schemas.DUPLICATES``, and ``COUNTED`` by data set, once of images with the same pixels
        (``exact``) and once of all that are alike.

    Raises:
        DataError: If a store holds an image that the table lacks.
    """
    rows = pa.concat_tables(_rows(name, one, studies) for name, one in sorted(sets.items()))
    rows = rows.combine_chunks()
    copy = rows["digest"].combine_chunks().dictionary_encode().indices
    picture = rows["fingerprint"].combine_chunks().dictionary_encode()
    near = alike(_words(picture.dictionary))
    nodes = len(picture.dictionary)
    graph = coo_array((np.ones(len(near), bool), (near[:, 0], near[:, 1])), (nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    group = labels[picture.indices.to_numpy()]
    counts = {"exact": _counts(rows, copy), "alike": _counts(rows, pa.array(group))}
    exact = np.bincount(copy)[copy.to_numpy()] > 1
    rows = rows.append_column("exact", pa.array(exact))
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    _, number = np.unique(group[several], return_inverse=True)
    listed = rows.take(several).append_column("group", pa.array(number))
    listed = listed.select(schemas.DUPLICATES.names).cast(schemas.DUPLICATES)
    keys = [(name, "ascending") for name in ("group", "dataset", "image_id")]
    return listed.sort_by(keys), counts


def alike(fingerprints: Fingerprints) -> Pairs:
    """Find the pairs that differ in at most ``ALIKE`` bits, or in all but so many.

    Some are found more than once.
    """
    found = [np.empty((0, 2), np.int64)]
    for signed in fingerprints.T:
        word = np.minimum(signed, ~signed)  # equal for opposite bits
        order = np.argsort(word, kind="stable")
        same_word_ends = np.searchsorted(word[order], word[order], side="right")
        parts = np.ascontiguousarray(fingerprints[order].view(np.uint64).T)
        rows, ahead = np.arange(len(order)), 1
        while len(rows := rows[rows + ahead < same_word_ends[rows]]):
            near = rows[_distance(parts[:2], rows, rows + ahead) <= ALIKE]  # most differ in half
            near = near[_distance(parts, near, near + ahead) <= ALIKE]
            found.append(np.stack([order[near], order[near + ahead]], axis=1))
            ahead += 1
    return np.concatenate(found)


def _distance(parts: NDArray[np.uint64], first: Rows, second: Rows) -> NDArray[np.uint16]:
    """Count the bits that differ, or that are equal if these are fewer, (n,).

    Parts are (words of 64 bits, N).
    """
    differing = (np.bitwise_count(part[first] ^ part[second]) for part in parts)
    distance: NDArray[np.uint16] = sum(differing, np.zeros(len(first), np.uint16))
    fewer: NDArray[np.uint16] = np.minimum(distance, np.uint16(64 * len(parts)) - distance)
    return fewer


def _words(fingerprints: pa.FixedSizeBinaryArray) -> Fingerprints:
    return np.frombuffer(b"".join(fingerprints.to_pylist()), np.uint16).reshape(-1, WORDS)


def _rows(name: str, one: DataSet, studies: pa.Table) -> pa.Table:
    """List the prepared images of a data set with patient, study and split."""
    rows = pa.table(one.store.index).append_column("dataset", pa.repeat(name, len(one.store)))
    for column in ("patient_id", "study_id"):
        found = values_of(rows["image_id"], one.images, "image_id", column)
        if found.null_count:
            lost = rows["image_id"].filter(pc.is_null(found))
            raise DataError(
                f"{one.store.folder}: {counted(len(lost), 'image')} not in the table of images of "
                f"{name}, first {lost[0]}. The two do not belong together: `dvc repro` makes both "
                "again."
            )
        rows = rows.append_column(column, found)
    cohort = name == schemas.MIMIC
    split = values_of(rows["study_id"], studies if cohort else studies[:0], "study_id", "split")
    return rows.append_column("split", split)


def _counts(rows: pa.Table, same: pa.Array) -> Counts:
    grouped = rows.select(["dataset", "patient_id", "split"]).append_column("same", same)
    found = tables.run_sql("cohort/duplicates.sql", {"images": grouped}, COUNTED)
    return {row.pop("dataset"): row for row in found.to_pylist()}
