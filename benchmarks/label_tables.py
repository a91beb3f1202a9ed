"""Seconds from the full published label tables of the external sets to canonical labels.

The baseline is the csv module, row by row, by the same rules. Both give the same labels. It needs
the open data beside the checkout. Run it as ``python benchmarks/label_tables.py``.
"""

import csv
import gzip
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
from record import Comparison, record, run

from camchex.sources.external import chexpert, nih, vindr
from camchex.sources.external.read import read_labels

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "label_tables"
REPEATS = 3
Labels = dict[str, dict[str, float | None]]
VALUES = {"1.0": 1.0, "0.0": 0.0, "-1.0": None, "": None}


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Every row as text."""
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def chexpert_rows(path: Path) -> Labels:
    """1 and 0 as published."""
    return {
        row["Path"].split("/", 1)[1]: {name: VALUES[row[name]] for name in chexpert.CLASSES}
        for row in rows(path)
    }


def nih_rows(path: Path) -> Labels:
    """1 where a finding is named."""
    found: Labels = {}
    for row in rows(path):
        named = set(row["Finding Labels"].split("|"))
        found[row["Image Index"]] = {
            names[0]: float(finding in named) for finding, names in nih.CLASSES.items()
        }
    return found


def vindr_rows(path: Path) -> Labels:
    """1 where two readers name a finding."""
    readers: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows(path):
        readers[row["image_id"]][row["class_name"]].add(row["rad_id"])
    return {
        image: {
            name: float(len(named[finding]) > 1) if finding in named else 0.0
            for finding, names in vindr.KAGGLE.items()
            for name in names
        }
        for image, named in readers.items()
    }


def as_rows(table: pa.Table, classes: set[str]) -> Labels:
    """The canonical table, to compare."""
    return {
        row["image_id"]: {name: row[name] for name in classes}
        for row in table.drop_columns("dataset").to_pylist()
    }


def seconds(call: Callable[[Path], object], path: Path) -> float:
    """Of processor time, the fastest of several turns."""
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        call(path)
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Compare set by set, and all together."""
    sets: Mapping[str, tuple[Callable[[Path], pa.Table], Callable[[Path], Labels]]] = {
        "chexpert_train.csv.gz": (partial(read_labels, "chexpert"), chexpert_rows),
        "Data_Entry_2017_v2020.csv.gz": (partial(read_labels, "nih"), nih_rows),
        "vinbigdata-train.csv.gz": (partial(read_labels, "vindr"), vindr_rows),
    }
    comparisons, total = [], [0.0, 0.0]
    for name, (ours, theirs) in sets.items():
        path = FOLDER / name
        expected = theirs(path)
        if as_rows(ours(path), set(next(iter(expected.values())))) != expected:
            raise SystemExit(f"{name}: the two do not agree")
        both = seconds(ours, path), seconds(theirs, path)
        total = [sum(pair) for pair in zip(total, both, strict=True)]
        what = f"{name}, {len(expected):,} images"
        comparisons.append(Comparison(what, "s", both[0], "csv module", both[1], both[1] / both[0]))
    together = Comparison("together", "s", total[0], "csv module", total[1], total[1] / total[0])
    record("label_tables", [*comparisons, together], {})


if __name__ == "__main__":
    run(main, __doc__)
