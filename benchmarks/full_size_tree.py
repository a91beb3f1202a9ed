"""The six data sets at their published sizes, as copies of the demo's rows under new ids.

Patients, studies, images, splits, stays, charted rows, label rows and official tests are as many as
published, or a share of that. Images are hard links to copies of the demo's. A copied study keeps
its texts, labels and vital signs; its stays move through time with it. So the demo's stages can
read the tree, and nothing in it is real. The same demo gives the same tree.
"""

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from camchex.cohort.published import COUNTS, CXR_LT_COUNTS, OFFICIAL_TEST
from camchex.contract.files import publish_folder, sha256
from camchex.synthetic.published.files import write_zip

ED_PATIENTS, IN_BOTH = 205_504, 61_856  # patients of MIMIC-IV-ED 2.2; of it and MIMIC-CXR
IN_STAY = 0.5  # of the studies; about half of MIMIC-CXR's X-rays are taken outside the ED
CHEXPERT_STUDIES = 187_641
DAYS = 3650  # over which a patient's studies are spread
DAY = 24 * 3600
TAKEN = "strptime(s.StudyDate, '%Y%m%d')"
NEAREST = """
    SELECT e.stay_id, arg_min(s.study_id, abs(
        epoch(e.intime::TIMESTAMP) - epoch(strptime(s.StudyDate, '%Y%m%d'))
        - 3600 * floor(s.StudyTime::DOUBLE / 10000))) AS study_id
    FROM $1 AS e JOIN $2 AS s USING (subject_id) GROUP BY 1 ORDER BY 1
"""
LATER = "strftime(s.{0}::TIMESTAMP + to_seconds(c.shift), '%Y-%m-%d %H:%M:%S') AS {0}"
Rng = np.random.Generator
Numbers = NDArray[np.int64]
Link = tuple[Path, Path]
"""A picture of the demo, and the name it gets."""


@dataclass(frozen=True)
class Trees:
    """Where rows come from and go to, and what share of the published sizes is made."""

    demo: Path
    out: Path
    scale: Fraction
    rng: Rng
    database: duckdb.DuckDBPyConnection

    def scaled(self, published: int) -> int:
        """That share of a published number; at least one."""
        return max(1, round(published * self.scale))


def write_tree(demo: Path, out: Path, scale: Fraction) -> None:
    """Write the tree; it appears under its name only when complete.

    Args:
        demo: The folder ``data/synthetic/raw``.
        out: The new ``data.root``.
        scale: Share of the published sizes, at most 1.
    """
    publish_folder(out, partial(_write_all, demo, scale))


def _write_all(demo: Path, scale: Fraction, out: Path) -> None:
    with duckdb.connect() as database:
        trees = Trees(demo, out, scale, np.random.default_rng(0), database)
        (out / "SYNTHETIC.txt").write_text((demo / "SYNTHETIC.txt").read_text())
        for write in (write_mimic, write_chexpert, write_nih, write_vindr):
            make_links(write(trees))


def write_mimic(trees: Trees) -> Iterator[Link]:
    """MIMIC-CXR-JPG, its reports, CXR-LT 2023 and MIMIC-IV-ED; returns the images."""
    studies = _studies(trees)
    images = _images(trees, studies)
    jpg, new = "mimic-cxr-jpg", "c.subject_id, c.study_id"
    both = ("c.dicom_id", *new.split(", "))
    tables = f"{jpg}/mimic-cxr-2.0.0"
    moved = (*both, f"strftime({TAKEN} + to_seconds(c.shift), '%Y%m%d') AS StudyDate")
    copy_rows(trees, f"{tables}-metadata.csv.gz", images, "dicom_id", moved)
    official = (*both, "c.official AS split")
    copy_rows(trees, f"{tables}-split.csv.gz", images, "dicom_id", official)
    lost = trees.scaled(COUNTS["metadata"]["studies"]) - trees.scaled(COUNTS["mimic14"]["studies"])
    labelled = studies.slice(lost)
    copy_rows(trees, f"{tables}-chexpert.csv.gz", labelled, "study_id", both[1:])
    _write_curated(trees, labelled, f"{jpg}/mimic-cxr-2.1.0-test-set-labeled.csv")
    for split in ("train", "development", "test"):
        rows = images.filter(pc.equal(images["split"], split))
        copy_rows(trees, f"cxr-lt-2023/{split}.csv", rows, "dicom_id", (*both, "c.path"))
    _write_reports(trees, studies)
    _write_emergency(trees, studies)
    listed = dict(_checksums(trees.demo / jpg))
    names = zip(images["from_path"].to_pylist(), images["path"].to_pylist(), strict=True)
    pairs = sorted(names, key=lambda pair: pair[1])
    lines = (f"{listed[source]}  {path}\n" for source, path in pairs)
    (trees.out / jpg / "SHA256SUMS.txt").write_text("".join(lines))
    return ((trees.demo / jpg / source, trees.out / jpg / path) for source, path in pairs)


def write_chexpert(trees: Trees) -> Iterator[Link]:
    """CheXpert's table; returns the images."""
    folder, rng, scaled = "CheXpert-v1.0", trees.rng, trees.scaled
    size = COUNTS["chexpert"]
    frontal, lateral = scaled(size["frontal"]), scaled(size["lateral"])
    studies = scaled(CHEXPERT_STUDIES)
    of = np.concatenate([  # the study of each image
        np.arange(studies), rng.integers(0, studies, frontal - studies),
        rng.choice(studies, lateral, replace=False),
    ])  # fmt: skip
    side = np.repeat(["Frontal", "Lateral"], [frontal, lateral])
    patient = at_least_once(rng, scaled(size["patients"]), studies)
    order = np.lexsort((side, of))
    of, side = of[order], side[order]
    names = zip(
        (patient[of] + 1).tolist(), (_place_within(patient) + 1)[of].tolist(),
        (_place_within(of) + 1).tolist(), np.char.lower(side).tolist(), strict=True,
    )  # fmt: skip
    template = np.empty(len(of), object)
    for name in ("Frontal", "Lateral"):
        sql = 'SELECT Path FROM $1 WHERE "Frontal/Lateral" = $2 ORDER BY 1'
        rows = query(trees, sql, f"{folder}/train.csv", name)["Path"]
        own = rng.choice(rows.to_numpy(zero_copy_only=False), (side == name).sum())
        template[side == name] = own
    paths = [f"{folder}/train/patient{p:05d}/study{s}/view{v}_{n}.jpg" for p, s, v, n in names]
    copies = pa.table({"template": pa.array(template, pa.string()), "Path": paths})
    copy_rows(trees, f"{folder}/train.csv", copies, "Path", ("c.Path",))
    return _links(trees, template.tolist(), paths)


def write_nih(trees: Trees) -> Iterator[Link]:
    """ChestX-ray14's table and its two lists; returns the images."""
    folder, rng, size = "ChestX-ray14", trees.rng, COUNTS["nih"]
    images, patients = trees.scaled(size["images"]), trees.scaled(size["patients"])
    patient = at_least_once(rng, patients, images)
    test = take_whole(rng, np.bincount(patient), trees.scaled(size[OFFICIAL_TEST]))[patient]
    visit = _place_within(patient)
    number = (patient + 1).tolist()
    names = [f"{p:08d}_{v:03d}.png" for p, v in zip(number, visit.tolist(), strict=True)]
    table = f"{folder}/Data_Entry_2017_v2020.csv"
    rows = query(trees, 'SELECT "Image Index" AS image FROM $1 ORDER BY 1', table)["image"]
    template = rng.choice(rows.to_numpy(zero_copy_only=False), images)
    copies = pa.table({
        "template": pa.array(template, pa.string()), "Image Index": names, "Patient ID": number,
        "Follow-up #": visit,
    })  # fmt: skip
    new = tuple(f'c."{name}"' for name in copies.column_names[1:])
    copy_rows(trees, table, copies, "Image Index", new)
    for name, part in (("train_val_list.txt", ~test), ("test_list.txt", test)):
        chosen = (image for image, inside in zip(names, part, strict=True) if inside)
        (trees.out / folder / name).write_text("".join(f"{image}\n" for image in chosen))
    return _links(trees, *([f"{folder}/images/{n}" for n in found] for found in (template, names)))


def write_vindr(trees: Trees) -> Iterator[Link]:
    """VinBigData's table of boxes; returns the images."""
    folder, size = "vinbigdata", COUNTS["vindr_kaggle"]
    found = query(trees, "SELECT image_id, count(*) AS rows FROM $1 GROUP BY 1 ORDER BY 1",
                  f"{folder}/train.csv")  # fmt: skip
    count = trees.scaled(size["images"])
    rows = found["rows"].to_numpy()
    chosen = draw_with_total(trees.rng, rows, count, trees.scaled(size["rows"]))
    template = found["image_id"].take(pa.array(chosen)).to_pylist()
    names = hexadecimal(trees.rng, count, 32)
    copies = pa.table({"template": template, "image_id": names})
    copy_rows(trees, f"{folder}/train.csv", copies, "image_id", ("c.image_id",))
    return _links(
        trees, *([f"{folder}/train/{n}.dicom" for n in part] for part in (template, names))
    )


def _studies(trees: Trees) -> pa.Table:
    """One row per new study, by patient: the study it is a copy of, its ids, split and shift."""
    rng, parts = trees.rng, []
    for split in ("train", "development", "test"):
        size = CXR_LT_COUNTS[f"{split}.csv"]
        own = query(trees, "SELECT study_id, count(*) AS images FROM $1 GROUP BY 1 ORDER BY 1",
                    f"cxr-lt-2023/{split}.csv")  # fmt: skip
        count = trees.scaled(size["studies"])
        images = own["images"].to_numpy()
        chosen = draw_with_total(rng, images, count, trees.scaled(size["images"]))
        patient = at_least_once(rng, trees.scaled(size["patients"]), count)
        template = own["study_id"].take(pa.array(chosen))
        before = sum(len(part["ids"].unique()) for part in parts)
        parts.append(pa.table({
            "template": template, "images": images[chosen], "ids": patient + before,
            "split": pa.repeat(split, count),
        }))  # fmt: skip
    studies = pa.concat_tables(parts).combine_chunks()
    patient, rows = studies["ids"].to_numpy(), len(studies)
    of_patient = np.bincount(patient, studies["images"].to_numpy()).astype(np.int64)
    official, left = np.full(len(of_patient), "train", object), of_patient.copy()
    for name, published in (("validate", "development"), ("test", "test")):
        taken = take_whole(rng, left, trees.scaled(COUNTS["split"][published]))
        official[taken], left[taken] = name, 0
    studies = studies.append_column("official", pa.array(official[patient], pa.string()))
    subjects = distinct_ids(rng, len(of_patient), 10_000_000)
    columns = {
        "subject_id": subjects.take(pa.array(patient)),
        "study_id": distinct_ids(rng, rows, 50_000_000),
        "shift": DAY * rng.integers(0, DAYS, rows),
    }
    for name, column in columns.items():
        studies = studies.append_column(name, column if name != "shift" else pa.array(column))
    return studies.sort_by([("subject_id", "ascending"), ("study_id", "ascending")])


def _images(trees: Trees, studies: pa.Table) -> pa.Table:
    """One row per new image: those of its study's template, under new ids and paths."""
    found = query(trees, """
        WITH demo AS (SELECT dicom_id, study_id, path FROM $1 UNION ALL BY NAME
                      SELECT dicom_id, study_id, path FROM $2 UNION ALL BY NAME
                      SELECT dicom_id, study_id, path FROM $3)
        SELECT d.dicom_id AS template, d.path AS from_path, s.* EXCLUDE (template, images, ids)
        FROM copies AS s JOIN demo AS d ON s.template = d.study_id
        ORDER BY s.subject_id, s.study_id, d.dicom_id
    """, *(f"cxr-lt-2023/{name}.csv" for name in ("train", "development", "test")),
        copies=studies)  # fmt: skip
    digits = hexadecimal(trees.rng, len(found), 40)
    ids = ["-".join(text[i : i + 8] for i in range(0, 40, 8)) for text in digits]
    owners = zip(found["subject_id"].to_pylist(), found["study_id"].to_pylist(), ids, strict=True)
    paths = [f"files/p{p[:2]}/p{p}/s{s}/{image}.jpg" for p, s, image in owners]
    return found.append_column("dicom_id", [ids]).append_column("path", [paths])


def _write_curated(trees: Trees, labelled: pa.Table, name: str) -> None:
    """Labels of radiologists for studies of the official test, whose findings are the report's."""
    official = labelled.filter(pc.equal(labelled["official"], "test"))
    count = min(len(official), trees.scaled(COUNTS["curated"]["studies"]))
    source = trees.demo / "mimic-cxr-jpg/mimic-cxr-2.0.0-chexpert.csv.gz"
    with trees.database.cursor() as connection:
        connection.register("copies", official.slice(0, count))
        connection.execute(f"""
            COPY (SELECT c.study_id, s.* EXCLUDE (subject_id, study_id)
                         RENAME ("Lung Opacity" AS "Airspace Opacity")
                  FROM copies AS c JOIN read_csv('{source}', all_varchar = true) AS s
                  ON c.template = s.study_id ORDER BY c.study_id)
            TO '{trees.out / name}' (HEADER)""")  # noqa: S608 - names of this module's own


def _write_reports(trees: Trees, studies: pa.Table) -> None:
    """The archive of reports, each its template's, and its checksum."""
    folder = "mimic-cxr-reports"
    name = f"{folder}/{folder}.zip"
    with zipfile.ZipFile(trees.demo / name) as archive:
        texts = {Path(one).stem[1:]: archive.read(one).decode() for one in archive.namelist()}
    ids = (studies[column].to_pylist() for column in ("template", "subject_id", "study_id"))
    reports = (
        (f"files/p{patient[:2]}/p{patient}/s{study}.txt", texts[template])
        for template, patient, study in zip(*ids, strict=True)
    )
    write_zip(trees.out / name, reports)
    line = f"{sha256(trees.out / name)}  {folder}.zip\n"
    (trees.out / folder / "SHA256SUMS.txt").write_text(line)


def _write_emergency(trees: Trees, studies: pa.Table) -> None:
    """Stays of half of the studies, and of patients without an X-ray; and what was charted."""
    stays, rng, ed = _stays(trees, studies), trees.rng, "mimic-iv-ed/ed"
    new = ("c.subject_id", "c.stay_id")
    moved = (*new, *map(LATER.format, ("intime", "outtime")))
    copy_rows(trees, f"{ed}/edstays.csv.gz", stays, "stay_id", moved)
    copy_rows(trees, f"{ed}/triage.csv.gz", stays, "stay_id", new)
    charted = query(trees, """
        SELECT v.line AS template, c.* EXCLUDE (template)
        FROM copies AS c JOIN (SELECT *, row_number() OVER () AS line FROM $1) AS v
        ON c.template = v.stay_id ORDER BY c.subject_id, c.stay_id, v.line
    """, f"{ed}/vitalsign.csv.gz", copies=stays)  # fmt: skip
    rows, wanted = len(charted), trees.scaled(COUNTS["vitalsign"]["rows"])
    again = rng.integers(0, rows, max(0, wanted - rows))
    chosen = np.sort(np.concatenate([np.arange(min(rows, wanted)), again]))
    charted = charted.take(pa.array(chosen))
    minutes = 60 * rng.integers(0, 30, wanted) * np.append(False, chosen[1:] == chosen[:-1])
    shift = pa.array(charted["shift"].to_numpy() + minutes)
    charted = charted.set_column(charted.column_names.index("shift"), "shift", shift)
    moved = (*new, LATER.format("charttime"))
    copy_rows(trees, f"{ed}/vitalsign.csv.gz", charted, "line", moved)


def _stays(trees: Trees, studies: pa.Table) -> pa.Table:
    """One row per new stay: the stay it is a copy of, its ids and its shift."""
    rng, ed = trees.rng, "mimic-iv-ed/ed"
    nearest = query(
        trees, NEAREST, f"{ed}/edstays.csv.gz", "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz"
    )
    inside = studies.filter(pa.array(rng.random(len(studies)) < IN_STAY))
    own = inside.select(["template", "subject_id", "shift"])
    own = own.join(nearest, "template", "study_id", "inner").drop_columns("template")
    own = own.rename_columns({"stay_id": "template"})
    own = own.sort_by([(name, "ascending") for name in ("subject_id", "template", "shift")])
    wanted = trees.scaled(COUNTS["edstays"]["rows"])
    own = own.slice(0, wanted)
    more = wanted - len(own)
    patients = min(more, trees.scaled(ED_PATIENTS - IN_BOTH))
    known = {*studies["subject_id"].to_pylist()}
    free = distinct_ids(rng, patients + len(known), 10_000_000).to_pylist()
    strangers = np.array([one for one in free if one not in known][:patients], object)
    others = pa.table({
        "subject_id": pa.array(strangers[at_least_once(rng, patients, more)], pa.string()),
        "shift": DAY * rng.integers(0, DAYS, more),
        "template": nearest["stay_id"].take(pa.array(rng.integers(0, len(nearest), more))),
    })  # fmt: skip
    stays = pa.concat_tables([own.select(others.column_names), others])
    stays = stays.append_column("stay_id", distinct_ids(rng, wanted, 30_000_000))
    return stays.sort_by([("subject_id", "ascending"), ("stay_id", "ascending")])


def query(trees: Trees, sql: str, *values: str, copies: pa.Table | None = None) -> pa.Table:
    """Ask the demo's tables: ``$1``, ``$2`` are names below it, or values that are no CSV files."""
    with trees.database.cursor() as connection:
        if copies is not None:
            connection.register("copies", copies)
        for number, value in enumerate(values, start=1):
            table = f"read_csv('{trees.demo / value}', all_varchar = true)"
            sql = sql.replace(f"${number}", table if ".csv" in value else f"'{value}'")
        found: pa.Table = connection.sql(sql).to_arrow_table()
        return found.combine_chunks()


def copy_rows(trees: Trees, name: str, copies: pa.Table, key: str, new: Iterable[str]) -> None:
    """Write a table of the tree: rows of the demo's, some of their columns new.

    Args:
        trees: Where from, where to.
        name: The table, below both.
        copies: In the order to be written; ``template`` is the value of ``key`` of what is copied.
        key: A column, or ``line``, the number of the row.
        new: Expressions of SQL for the new columns, of ``c`` (copies) and ``s`` (the demo's rows).
    """
    target = trees.out / name
    target.parent.mkdir(parents=True, exist_ok=True)
    numbered = copies.append_column("number", pa.array(np.arange(len(copies))))
    named = [one if " AS " in one else f"{one} AS {one.removeprefix('c.')}" for one in new]
    with trees.database.cursor() as connection:
        connection.register("copies", numbered)
        connection.execute(f"""
            COPY (SELECT s.* EXCLUDE (line) REPLACE ({", ".join(named)})
                  FROM copies AS c JOIN (
                      SELECT *, row_number() OVER () AS line
                      FROM read_csv('{trees.demo / name}', all_varchar = true)) AS s
                  ON c.template = s."{key}" ORDER BY c.number, s.line)
            TO '{target}' (HEADER)""")  # noqa: S608 - names of this module's own


def draw_with_total(rng: Rng, sizes: Numbers, count: int, total: int) -> Numbers:
    """Draw ``count`` things, with repetition, whose sizes sum up to ``total``.

    Args:
        rng: Decides.
        sizes: Size of each thing, (N,); all sizes from the least to the largest occur.
        count: How many are drawn.
        total: Between ``count`` times the least and ``count`` times the largest size.

    Returns:
        Indices into ``sizes``, (count,).

    Raises:
        ValueError: If there is no such draw, or too few sizes occur to find it.
    """
    chosen = rng.integers(0, len(sizes), count)
    while missing := int(total - sizes[chosen].sum()):
        step = 1 if missing > 0 else -1
        can = np.flatnonzero(np.isin(sizes[chosen] + step, sizes))
        if not len(can):
            raise ValueError(f"{count} of sizes {np.unique(sizes)} do not sum up to {total}")
        moved = rng.permutation(can)[: abs(missing)]
        wanted = sizes[chosen[moved]] + step
        for size in np.unique(wanted):
            here = moved[wanted == size]
            chosen[here] = rng.choice(np.flatnonzero(sizes == size), len(here))
    return chosen


def at_least_once(rng: Rng, owners: int, count: int) -> Numbers:
    """Draw the owner, from 0, of each of ``count`` things; each has one at least; ascending."""
    return np.sort(np.concatenate([np.arange(owners), rng.integers(0, owners, count - owners)]))


def take_whole(rng: Rng, sizes: Numbers, total: int) -> NDArray[np.bool_]:
    """Choose owners whose things sum up to ``total``, or to the most below it that was found."""
    taken, left = np.zeros(len(sizes), bool), total
    for owner in rng.permutation(len(sizes)):
        if 0 < sizes[owner] <= left:
            taken[owner] = True
            left -= int(sizes[owner])
            if not left:
                break
    return taken


def distinct_ids(rng: Rng, count: int, first: int) -> pa.Array:
    """Eight digits each, from ``first`` on, in no order."""
    return pa.array(rng.choice(9_999_999, count, replace=False) + first).cast(pa.string())


def hexadecimal(rng: Rng, count: int, digits: int) -> list[str]:
    """Random ids; two are equal once in 10 ** 27 trees."""
    text = rng.bytes(count * digits // 2).hex()
    return [text[i : i + digits] for i in range(0, len(text), digits)]


def make_links(links: Iterable[Link]) -> None:
    """Copy each picture once, and give the copy as many names as it has to have."""
    made: set[Path] = set()
    copied: dict[Path, Path] = {}
    for source, target in links:
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        if source in copied:
            os.link(copied[source], target)
        else:
            copied[source] = Path(shutil.copyfile(source, target))


def _links(trees: Trees, sources: Iterable[str], targets: Iterable[str]) -> Iterator[Link]:
    for source, target in zip(sources, targets, strict=True):
        yield trees.demo / source, trees.out / target


def _place_within(owner: Numbers) -> Numbers:
    """How many of the same owner come before each; owners are ascending."""
    _, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
    places: Numbers = np.arange(len(owner)) - first[inverse]
    return places


def _checksums(folder: Path) -> Iterator[tuple[str, str]]:
    for line in (folder / "SHA256SUMS.txt").read_text().splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest
