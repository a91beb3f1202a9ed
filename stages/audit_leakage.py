"""Measure what labels and scores owe to the words of the indication."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from camchex.aggregates.results import write_results
from camchex.audit.audit import Predicted, audit, headline
from camchex.audit.curves import write_audit_curves
from camchex.audit.gain import NAMES, ImageOnly
from camchex.contract import params, schemas, tables
from camchex.contract.labels import LabelParams
from camchex.runs.runtime import RuntimeParams
from camchex.scores.labelled_split import Split, labelled_split, read_probabilities, read_seeds
from camchex.scores.metrics import Floats
from camchex.scores.params import AuditParams, EvaluationParams
from stages import Input, Output, run

Counterfactuals = Annotated[
    Path | None,
    typer.Option(help="Input: a folder seed<s> per seed, of the test studies with other texts."),
]
ImageOnlyFolder = Annotated[
    Path | None,
    typer.Option(help="Input: seed<s>.parquet of a setting that was trained on images alone."),
]


def main(
    cohort: Input,
    predictions: Input,
    out: Output,
    curves: Output,
    counterfactuals: Counterfactuals = None,
    image_only: ImageOnlyFolder = None,
) -> None:
    """Write the audit of every declared seed; ``predictions`` is a folder of seed<s>.parquet."""
    classes = params.load("labels", LabelParams).classes
    seeds = params.load("seeds", list[int])
    studies = tables.read(cohort, schemas.cohort(classes))
    test = labelled_split(studies, "test", classes)
    predicted = Predicted(
        seeds=read_seeds(predictions, seeds, test),
        changed={} if counterfactuals is None else _changed(counterfactuals, seeds, test),
        image_only=None if image_only is None else _image_only(image_only, seeds, test),
    )
    results = audit(
        studies,
        classes,
        predicted,
        params.load("audit", AuditParams),
        params.load("evaluation", EvaluationParams),
        params.load("runtime", RuntimeParams).workers,
    )
    write_results(headline(results), out)
    write_audit_curves(results, curves)


def _changed(folder: Path, seeds: Sequence[int], test: Split) -> dict[str, list[Floats]]:
    """Of every change, the probabilities of every seed."""
    return {
        name: [read_probabilities(folder / f"seed{s}" / f"{name}.parquet", test) for s in seeds]
        for name in NAMES
    }


def _image_only(folder: Path, seeds: Sequence[int], test: Split) -> ImageOnly:
    return ImageOnly(folder.name, list(read_seeds(folder, seeds, test).values()))


if __name__ == "__main__":
    run(main)
