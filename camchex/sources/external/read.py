"""External sets as canonical tables. A further source is a module here and an entry below.

The module of a source reads what is its own: ``image_columns`` the images, ``published_classes``
the findings of a table, ``known_labels`` the labels of the classes that these are mapped to, and
``official_test`` the patients whom its publisher keeps for testing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.errors import DataError
from camchex.sources.csv.lookup import image_counts, positions
from camchex.sources.external import chexpert, nih, vindr
from camchex.sources.external.label_map import OfficialTest, imply_no_finding, label_map
from camchex.sources.params import RECOMMENDED, ExternalSet, LabelPolicy

SOURCES = {"chexpert": chexpert, "nih": nih, "vindr": vindr}
Source = Literal["chexpert", "nih", "vindr"]


class ExternalCounts(NamedTuple):
    """What was counted in the published tables of one set."""

    listed: Mapping[str, int]  # images, studies and patients of the table
    contradictions: int  # images with No Finding and a finding
    studies_with_several_labels: int  # studies whose images are labelled differently
    official_test: Mapping[str, int]  # images, studies and patients of the official test
    test_list_not_in_table: int  # entries of a test list of its own without an image
    kept: Mapping[str, int]  # images, studies and patients that students are trained on


class ExternalTables(NamedTuple):
    """One external set, as students are trained on it."""

    images: pa.Table  # schemas.IMAGES
    labels: pa.Table  # schemas.labels
    counts: ExternalCounts  # aggregates, small cells not hidden


def read_external(
    key: str,
    external: ExternalSet,
    table: Path,
    test_list: Path,
    root: Path,
    labels: LabelParams,
) -> ExternalTables:
    """Read the images and labels of one set, whose rows carry its key as ``dataset``.

    With ``hold_out_test``, every image of a patient of the official test is left out. With
    ``labels.imply_no_finding``, a positive finding means that an unknown No Finding is 0.

    Args:
        key: The entry of section ``external``.
        external: Its values.
        table: The published table, plain or compressed.
        test_list: What names the images of the official test, which may be the table.
        root: data.root.
        labels: The label space, and what is implied.

    Raises:
        DataError: If a table is not what the source publishes, all of it is the official test, or
            an empty list is to tell the official test.
        ParamsError: If the set's own map names an unknown finding or class.
    """
    images = read_images(external.source, table, root, external.folder, key)
    known, contradictions = _labels(external.source, table, labels.classes, external.labels, key)
    if labels.imply_no_finding:
        known = imply_no_finding(known, labels.classes)
    official = official_test(key, external, images, table, test_list)
    tested = pc.is_valid(positions(images["patient_id"], official.patients))
    kept = pc.invert(tested) if external.hold_out_test else pc.is_valid(tested)
    if not pc.any(kept).as_py():
        raise DataError(
            f"{table}: all {images.num_rows} images are of the official test of this set. To train "
            f"on them, set external.{key}.hold_out_test to false in params.yaml; else take the "
            f"entry {key} out."
        )
    chosen = images.filter(kept)
    counts = ExternalCounts(
        image_counts(images),
        contradictions,
        _differing_studies(images, known, labels.classes),
        image_counts(images.filter(tested)),
        official.not_in_table,
        image_counts(chosen),
    )
    return ExternalTables(chosen, known.filter(kept), counts)  # both are sorted by image


def official_test(
    key: str, external: ExternalSet, images: pa.Table, table: Path, test_list: Path
) -> OfficialTest:
    """Return whom the publisher keeps for testing.

    Args:
        key: The entry of section ``external``.
        external: Its values.
        images: image_id and patient_id of the table.
        table: The published table.
        test_list: What names the images of the official test.

    Raises:
        DataError: If the list is not what the source publishes, or an empty one is to hold out.
    """
    official: OfficialTest = SOURCES[external.source].official_test(images, table, test_list)
    if external.hold_out_test and official.empty_list:
        raise DataError(
            f"{test_list}: names no image, so that no patient of the official test would be held "
            "out. Download it again; or, if this copy holds none of them, set "
            f"external.{key}.hold_out_test to false in params.yaml."
        )
    return official


def _differing_studies(images: pa.Table, known: pa.Table, classes: Sequence[str]) -> int:
    """Count the studies whose images have different labels; rows of both tables are the same."""
    labelled = known.select(classes).append_column("study_id", images["study_id"])
    distinct = labelled.group_by(["study_id", *classes]).aggregate([])
    ways = pc.struct_field(pc.value_counts(distinct["study_id"]), "counts")
    return int(pc.sum(pc.greater(ways, 1)).as_py() or 0)


def read_images(
    name: Source, path: Path, root: Path, folder: str, dataset: str | None = None
) -> pa.Table:
    """Read the images of one set, sorted by id; what the set does not publish is null.

    Args:
        name: CheXpert, ChestX-ray14 or VinDr-CXR.
        path: Table of the set, plain or compressed.
        root: data.root.
        folder: The set's folder below it.
        dataset: Key of the set; None: ``name``.

    Returns:
        ``schemas.IMAGES``.

    Raises:
        DataError: If the table is not what the set publishes.

    Source: docs/method.md, section 5.
    """
    columns = {"dataset": dataset or name, **SOURCES[name].image_columns(path, root / folder)}
    columns["path"] = pc.binary_join_element_wise(folder, columns["path"], "/")
    size = len(columns["path"])
    arrays = {}
    for field in schemas.IMAGES:
        value = columns.get(field.name)
        repeated = value is None or isinstance(value, str)
        arrays[field.name] = pa.repeat(pa.scalar(value, field.type), size) if repeated else value
    return pa.table(arrays).cast(schemas.IMAGES).sort_by("image_id")


def read_labels(
    name: Source,
    path: Path,
    classes: Sequence[str] = CXR_LT_2023,
    policy: LabelPolicy = RECOMMENDED,
    dataset: str | None = None,
) -> pa.Table:
    """Read the published label table of one set, sorted by image.

    Args:
        name: CheXpert, ChestX-ray14 or VinDr-CXR.
        path: Table of the set, plain or compressed: train.csv, or Data_Entry_2017_v2020.csv.
        classes: The label space, in order.
        policy: What labels mean where the publisher leaves it open.
        dataset: Key of the set; None: ``name``.

    Returns:
        ``schemas.labels(classes)``, one row per image: 1, 0, or null where the set does not say.

    Raises:
        DataError: If there is no such set, or the table is not what the set publishes.
        ParamsError: If the policy's own map names an unknown finding or class.

    Source: docs/method.md, section 5.
    """
    return _labels(name, path, classes, policy, dataset or name)[0]


def _labels(
    name: Source, path: Path, classes: Sequence[str], policy: LabelPolicy, dataset: str
) -> tuple[pa.Table, int]:
    """Read labels as :func:`read_labels`, and count the images that contradict themselves."""
    if name not in SOURCES:
        raise DataError(f"{name!r}: no such data set. Expected one of {', '.join(SOURCES)}.")
    source = SOURCES[name]
    mapping = label_map(source.published_classes(path), policy, classes, dataset)
    image_id, known, contradictions = source.known_labels(path, mapping, policy)
    unknown = pa.nulls(len(image_id), pa.float32())
    columns = {"dataset": pa.repeat(dataset, len(image_id)), "image_id": image_id}
    columns |= {name: known.get(name, unknown) for name in classes}
    return pa.table(columns).cast(schemas.labels(classes)).sort_by("image_id"), contradictions
