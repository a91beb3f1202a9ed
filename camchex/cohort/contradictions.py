"""What the tables of a cohort may not say of each other: held by its stage and by camchex check."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from camchex.cohort.vital_signs import Ranges, vitals_contradictions
from camchex.contract import schemas
from camchex.contract.ids import MISSING
from camchex.contract.labels import MIMIC_14
from camchex.contract.rules import LEAST_SHARE, Problem, problems, wrong
from camchex.contract.schemas import MIMIC, SPLITS
from camchex.contract.tables import require_disjoint_patients, require_no_later_value
from camchex.errors import DataError, counted
from camchex.sources.csv.lookup import any_known, positions, require_one_value_per_study, values_of

Found = Iterator[tuple[str, Problem]]


def cohort_schemas(classes: Sequence[str]) -> dict[str, pa.Schema]:
    """Schema of each table of the cohort, by its place in the folder of canonical tables."""
    return {
        f"{MIMIC}/images": schemas.IMAGES,
        f"{MIMIC}/labels": schemas.labels(classes),
        f"{MIMIC}/studies": schemas.STUDIES,
        f"{MIMIC}/mimic14": schemas.study_labels(MIMIC_14),
        "indications": schemas.INDICATIONS,
        "vitals": schemas.VITALS,
    }


def require_sound(
    tables: Mapping[str, pa.Table], classes: Sequence[str], ranges: Ranges | None
) -> None:
    """Check the tables of a cohort, in any order of their rows.

    Args:
        tables: Every table of :func:`cohort_schemas`.
        classes: The label space.
        ranges: Plausible vital signs, or None to accept any.

    Raises:
        DataError: At the first thing that is wrong with one, else at the first contradiction.
    """
    found = [
        (name, problem)
        for name, schema in cohort_schemas(classes).items()
        for problem in problems(tables[name], schema, in_order=False)
    ]
    _require(found or contradictions(tables, classes, ranges))


def require_sound_sets(tables: Mapping[str, pa.Table], classes: Sequence[str]) -> None:
    """Check what images and labels of external sets say of each other.

    Args:
        tables: Tables that are right by themselves, by their place in the folder.
        classes: The label space.

    Raises:
        DataError: At the first contradiction.
    """
    _require(_of_sets(tables, classes))


def _require(found: Iterable[tuple[str, Problem]]) -> None:
    for name, problem in found:
        raise DataError(
            f"{name}.parquet: {problem}. Ingest again; of tables of your own, `camchex check "
            "--tables FOLDER` lists all that is wrong."
        )


def contradictions(
    tables: Mapping[str, pa.Table], classes: Sequence[str], ranges: Ranges | None
) -> Found:
    """Yield what tables say against each other, each with the table that it is said of.

    Args:
        tables: Canonical tables that are right by themselves, by their place in the folder; a rule
            about a table that is not there is passed over.
        classes: The label space.
        ranges: Plausible vital signs, or None to accept any.
    """
    yield from _of_sets(tables, classes)
    if f"{MIMIC}/studies" in tables:
        yield from _of_studies(tables, tables[f"{MIMIC}/studies"])
    if {f"{MIMIC}/images", f"{MIMIC}/labels"} <= tables.keys():
        yield from _labels(tables, classes)
    if "vitals" in tables:
        vitals = tables["vitals"]
        yield from _of("vitals", _refused(None, require_no_later_value, vitals))
        yield from _of("vitals", vitals_contradictions(vitals, ranges))


def _of_sets(tables: Mapping[str, pa.Table], classes: Sequence[str]) -> Found:
    """Yield images and labels of another data set, of two patients, or of no image."""
    for name, table in tables.items():
        folder, _, last = name.rpartition("/")
        if last in {"images", "labels"}:
            data_set = folder.removeprefix("external/")
            same = pc.equal(table["dataset"], data_set)
            yield from _of(name, wrong(table, "dataset", same, data_set))
        if last == "images" and folder != MIMIC:  # whose studies have their patient
            check = partial(_refused, "patient_id", require_one_value_per_study)
            yield from _of(name, check(table, ["patient_id"], "images"))
        if last == "labels" and f"{folder}/images" in tables:
            images = tables[f"{folder}/images"]
            yield from _of(name, _unknown("image_id", table, images, "images"))
            if folder != MIMIC and table.num_rows:
                known = _sum(any_known(table, classes))
                yield from _of(name, _few(known, images.num_rows, "images", "a known label"))


def labels_with_study(images: pa.Table, labels: pa.Table) -> pa.Table:
    """Append the study of its image to each row of labels."""
    study = values_of(labels["image_id"], images, "image_id", "study_id")
    return labels.append_column("study_id", study)


def _labels(tables: Mapping[str, pa.Table], classes: Sequence[str]) -> Found:
    """Yield labels that differ within a study, studies without, and splits that know none."""
    labels = labels_with_study(tables[f"{MIMIC}/images"], tables[f"{MIMIC}/labels"])
    labels = labels.filter(pc.is_valid(labels["study_id"]))
    check = require_one_value_per_study
    yield from _of(f"{MIMIC}/labels", _refused(None, check, labels, classes, "labels"))
    if f"{MIMIC}/studies" not in tables:
        return
    studies = tables[f"{MIMIC}/studies"]
    name = f"{MIMIC}/studies"
    placed = studies.filter(pc.is_valid(studies["split"]))
    yield from _of(name, _lacking(placed, labels, "labels, though every study of a split should"))
    known = labels.filter(any_known(labels, classes))
    told = pc.is_valid(positions(placed["study_id"], known["study_id"]))
    for split in SPLITS:
        of_split = told.filter(pc.equal(placed["split"], split).combine_chunks())
        problem = _few(_sum(of_split), len(of_split), f"studies in split {split}", "a known label")
        yield from _of(f"{MIMIC}/labels", problem)


def _texts(indications: pa.Table, studies: pa.Table) -> Iterator[Problem]:
    """Yield indications that (almost) no study has, and a word for a missing value in many."""
    texts = indications["indication"].drop_null()
    if indications.num_rows:
        yield from _few(len(texts), studies.num_rows, "studies", "an indication")
    words = pc.match_substring_regex(texts, MISSING)
    if _sum(words) > LEAST_SHARE * len(texts):
        first = texts[pc.index(words, value=True).as_py()]
        yield Problem(
            "indication", f"{first.as_py()!r} in many rows: write null where there is none"
        )


def _of_studies(tables: Mapping[str, pa.Table], studies: pa.Table) -> Found:
    for name in (f"{MIMIC}/images", f"{MIMIC}/mimic14", "indications", "vitals"):
        if name in tables:
            yield from _of(name, _unknown("study_id", tables[name], studies, "studies"))
    if "indications" in tables:
        yield from _of("indications", _texts(tables["indications"], studies))
    name = f"{MIMIC}/studies"
    if "vitals" in tables:
        lacking = _lacking(
            studies, tables["vitals"], "vital signs: it needs a row, if an empty one"
        )
        yield from _of(name, lacking)
    yield from _of(name, _refused("patient_id", require_disjoint_patients, studies))
    if f"{MIMIC}/images" in tables:
        images = tables[f"{MIMIC}/images"]
        patient = values_of(images["study_id"], studies, "study_id", "patient_id")
        same = pc.equal(patient, images["patient_id"].combine_chunks())
        same = pc.fill_null(same, fill_value=True)  # of an unknown study, which is said above
        problem = wrong(images, "patient_id", same, "the patient of its study")
        yield from _of(f"{MIMIC}/images", problem)


def _of(name: str, found: Iterable[Problem]) -> Found:
    return ((name, problem) for problem in found)


def _refused(column: str | None, check: Callable[..., None], *of: object) -> Iterator[Problem]:
    try:
        check(*of)
    except DataError as error:
        yield Problem(column, str(error))


def _few(number: int, of: int, what: str, having: str) -> Iterator[Problem]:
    if number < LEAST_SHARE * of:
        which = f"of {of:,} {what}, {number:,} have {having}"
        yield Problem(None, f"{which}; a table without rows says that there are none")


def _sum(flags: pa.Array | pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)


def _unknown(column: str, table: pa.Table, within: pa.Table, where: str) -> Iterator[Problem]:
    lost = table.filter(pc.is_null(positions(table[column], within[column])))[column]
    if len(lost):
        what = f"{column.removesuffix('_id')} {lost[0]} is not in the table of {where}"
        yield Problem(column, f"{what} ({counted(len(lost), 'row')} in all)")


def _lacking(studies: pa.Table, within: pa.Table, what: str) -> Iterator[Problem]:
    lost = studies.filter(pc.is_null(positions(studies["study_id"], within["study_id"])))
    if lost.num_rows:
        first = lost["study_id"][0]
        number = counted(lost.num_rows, "study", "studies")
        yield Problem("study_id", f"study {first} has no {what} ({number} in all)")
