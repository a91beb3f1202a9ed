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
    return {
        rule: {group: fmean(rows[name]["AP"] for name in names) for group, names in groups.items()}
        for rule, groups in paper_group_classes().items()
    }


def paper_group_classes() -> dict[str, dict[str, list[str]]]:
    """Classes of the paper's 26 by grouping and group, by how often they occur in its training."""
    rows = paper_numbers()["tableA2"]
    positives = {name: row["train_images"] for name, row in rows.items()}
    known: int = paper_numbers()["train_images"]
    return groupings(positives, dict.fromkeys(positives, known))


def paper_overall() -> dict[str, float]:
    """Mean AP and AUROC over the 26 rows of Table A2 (image level)."""
    rows = paper_numbers()["tableA2"].values()
    return {"mAP": fmean(r["AP"] for r in rows), "AUROC": fmean(r["AUROC"] for r in rows)}
