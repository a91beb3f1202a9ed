"""Precision and recall of the words for findings on real indications, labelled by reading.

``lexicon_labels.csv`` says which classes of CXR-LT 2023 each of 1,900 indications of the Indiana
University reports (Open-i) names: one reader, one report for each wording that differs in more
than age, sex and signs. No text is in it. The half ``rules`` was read before the words were
written. The other was read after that, its labels were fixed before the words were tried on it, and
nothing was mended after. Only this half is reported. Run it as
``python benchmarks/lexicon.py indiana_reports.csv``.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from record import RESULTS, write
from scipy.stats import binomtest

from camchex.aggregates.markdown import markdown_table
from camchex.contract.labels import CXR_LT_2023
from camchex.texts.cleaning import clean_indication
from camchex.texts.keywords import Bools, mentions

LABELS = Path(__file__).parent / "lexicon_labels.csv"
COLUMNS = ("finding", "named", "found", "precision", "recall")
POOLED = "all"
FEW = 10  # with fewer, an interval is wider than half of what there is: counts only


def read_labels(reports: Path, half: str) -> tuple[list[str | None], Bools]:
    """Cleaned indications of one half, and the classes that a reader found named, (N, 26)."""
    with reports.open(encoding="utf-8", newline="") as file:
        texts = {row["uid"]: row["indication"] for row in csv.DictReader(file)}
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["half"] == half]
    cleaned = [
        clean_indication(texts[row["uid"]].replace("XXXX", "___"), "corrected") for row in rows
    ]
    named = [[name in row["named"].split(";") for name in CXR_LT_2023] for row in rows]
    return cleaned, np.array(named)


def agreement(named: Bools, found: Bools) -> dict[str, dict[str, int]]:
    """Counts of what is named, found, and both, by class and of all together."""
    counted = {POOLED: (named, found)}
    counted |= {name: (named[:, i], found[:, i]) for i, name in enumerate(CXR_LT_2023)}
    return {
        name: {"named": int(a.sum()), "found": int(b.sum()), "both": int((a & b).sum())}
        for name, (a, b) in counted.items()
        if a.any() or b.any()
    }


def share(part: int, whole: int) -> str:
    """A share with Wilson's interval of 95 %; of few, as a count."""
    if whole < FEW:
        return f"{part} of {whole}"
    interval = binomtest(part, whole).proportion_ci(method="wilson")
    return f"{part / whole:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def table(counts: dict[str, dict[str, int]]) -> str:
    """The counts as Markdown."""
    rows: list[Sequence[str]] = []
    for name, n in counts.items():
        precision, recall = share(n["both"], n["found"]), share(n["both"], n["named"])
        rows.append((name, str(n["named"]), str(n["found"]), precision, recall))
    return markdown_table(COLUMNS, rows)


def main() -> None:
    """Print the table of the half that was held out, and record its counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reports", type=Path, help="indiana_reports.csv of Open-i")
    texts, named = read_labels(parser.parse_args().reports, "held_out")
    counts = agreement(named, mentions(texts, CXR_LT_2023))
    print(table(counts))
    write(RESULTS / "lexicon.json", {"indications": len(texts), "counts": counts})


if __name__ == "__main__":
    main()
