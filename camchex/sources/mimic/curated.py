"""Labels that radiologists gave to studies of MIMIC-CXR-JPG's test set (since release 2.1.0)."""

from pathlib import Path

import pyarrow as pa

from camchex.contract.labels import MIMIC_14
from camchex.contract.schemas import study_labels
from camchex.errors import DataError
from camchex.sources.csv.lookup import require_known_columns
from camchex.sources.csv.no_finding import contradicted, count
from camchex.sources.csv.raw_table import read_csv, read_header
from camchex.sources.mimic.mimic_ids import mimic_ids

NAMES = {"Lung Opacity": "Airspace Opacity"}
"""Name in the file of a class that has another one there."""


def read_curated(path: Path) -> pa.Table:
    """Read ``mimic-cxr-2.1.0-test-set-labeled.csv``, values as published, sorted by study.

    Returns:
        ``schemas.study_labels(MIMIC_14)``: 1, 0, -1 (uncertain), or null where a cell is blank or
        the file lacks the finding.

    Raises:
        DataError: At a study listed twice, a label other than 1, 0, -1 and blank, a column that may
            be a new label, a class under both of its names, or a file of none of the classes.

    Source: docs/method.md, section 4.5 (687 studies; no patient, and Airspace Opacity for Lung
    Opacity).
    """
    header = read_header(path)
    require_known_columns(header, ("subject_id", "study_id", *MIMIC_14, *NAMES.values()), str(path))
    both = [pair for pair in NAMES.items() if set(pair) <= set(header)]
    if both:
        raise DataError(f"{path}: columns {' and '.join(both[0])} are one class: take one out.")
    columns = {name: NAMES.get(name, name) for name in MIMIC_14}
    columns = {n: c if c in header else n for n, c in columns.items() if {n, c} & {*header}}
    if not columns:
        raise DataError(f"{path}: no column of a finding. Expected any of {', '.join(MIMIC_14)}.")
    raw = read_csv(path, ["study_id", *columns.values()])
    unknown = pa.nulls(raw.table.num_rows, pa.float32())
    labels = {
        name: raw.labels(columns[name], (1, 0, -1, None)) if name in columns else unknown
        for name in MIMIC_14
    }
    study = raw.unique(mimic_ids(raw, "study_id")["study_id"], "study_id")
    return pa.table({"study_id": study, **labels}).cast(study_labels(MIMIC_14)).sort_by("study_id")


def count_contradictions(curated: pa.Table) -> int:
    """Count the studies with No Finding and a finding, which stay as people labelled them.

    Args:
        curated: ``schemas.study_labels(MIMIC_14)``.
    """
    return count(contradicted({name: curated[name] for name in MIMIC_14}))
