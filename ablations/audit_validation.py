"""The leakage audit on cohorts whose leak is known: `make audit-validation`.

The cohorts are copies below .camchex/audit_validation, with the whole pipeline up to the audit
(``ablations/cohorts.py``). One seed each: the audit's intervals are over patients.
"""

from pathlib import Path

from ablations import PROJECT, run
from ablations.cohorts import make_cohorts
from camchex.aggregates.results import Results, read_results, write_results
from camchex.audit.gain import SEEN, WITHOUT_TEXT
from camchex.audit.validation import (
    LEAKS,
    Truth,
    true_shares,
    validation,
    validation_figure,
    validation_text,
)
from camchex.contract import params, schemas, tables
from camchex.contract.files import write_text
from camchex.contract.labels import LabelParams
from camchex.scores.labelled_split import (
    LabelSet,
    Split,
    label_sets,
    labelled_split,
    read_probabilities,
)

COPIES = PROJECT / ".camchex" / "audit_validation"
OUT = Path("metrics/ablations/audit_validation.json")
FIGURE = Path("docs/audit_validation.svg")
SEED = 0


def main() -> None:
    """Bring every copy up to date, and hold each audit against the truth."""
    names = {leak: f"label_leak_{leak:g}" for leak in LEAKS}
    make_cohorts(
        COPIES,
        {name: {"synthetic.label_leak": leak, "seeds": [SEED]} for leak, name in names.items()},
        {name: ["audit_leakage"] for name in names.values()},
    )
    classes = params.load("labels", LabelParams).classes
    clean = _labels(_test(COPIES / names[0.0], classes))
    audited = {leak: _audited(COPIES / name, classes, clean) for leak, name in names.items()}
    found = validation(audited)
    write_results(found, OUT)
    write_text(OUT.with_suffix(".md"), validation_text(found))
    validation_figure(found, FIGURE)


def _audited(copy: Path, classes: list[str], clean: LabelSet) -> tuple[Results, Truth]:
    test = _test(copy, classes)
    changed = copy / f"data/counterfactuals/seed{SEED}"
    files = (
        copy / f"data/predictions/seed{SEED}.parquet",
        changed / "masked.parquet",
        changed / f"{WITHOUT_TEXT}.parquet",
    )
    given = ([read_probabilities(path, test)] for path in files)
    truth = true_shares(_labels(test), clean, *given)
    return read_results(copy / "metrics/audit.json"), truth


def _test(copy: Path, classes: list[str]) -> Split:
    cohort = tables.read(copy / "data/cohort.parquet", schemas.cohort(classes))
    return labelled_split(cohort, "test", classes)


def _labels(test: Split) -> LabelSet:
    return label_sets(test)[SEEN]


if __name__ == "__main__":
    run(main, __doc__)
