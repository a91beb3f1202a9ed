"""The paper's own numbers, and its groups recomputed the way each grouping is defined."""

from functools import cache
from statistics import fmean
from typing import Any

from camchex.aggregates.results import Results
from camchex.contract.yaml_file import read_data
from camchex.scores.evaluate import groupings

NUMBERS = "paper_numbers.yaml"


@cache
def paper_numbers() -> Results:
    """Tables 1, 2, 3 and A2 of the paper, as data."""
    return read_data(__package__, NUMBERS, dict[str, Any])


def paper_groups() -> dict[str, dict[str, float]]:
    """Mean AP of the paper's model by grouping and group, from the rows of Table A2.

    Source: docs/method.md, section 9 (Table 2 compares groups of different classes).
    """
    rows = paper_numbers()["tableA2"]
    positives = {name: row["train_images"] for name, row in rows.items()}
    images: int = paper_numbers()["train_images"]
    known = dict.fromkeys(positives, images)
    return {
        rule: {group: fmean(rows[name]["AP"] for name in names) for group, names in groups.items()}
        for rule, groups in groupings(positives, known).items()
    }


def paper_overall() -> dict[str, float]:
    """Mean AP and AUROC over the 26 rows of Table A2 (image level)."""
    rows = paper_numbers()["tableA2"].values()
    return {"mAP": fmean(r["AP"] for r in rows), "AUROC": fmean(r["AUROC"] for r in rows)}
