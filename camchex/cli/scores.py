"""Commands on scores: compare two models, write a submission, score another release."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from camchex.errors import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from camchex.scores.labelled_split import Split

COHORT = Path("data/cohort.parquet")
SEED = Path("data/predictions/seed0.parquet")
Predictions = Annotated[
    Path, typer.Argument(help="A .parquet file, or a folder of seed<s>.parquet.")
]
Cohort = Annotated[Path, typer.Option(help="Cohort with the labels.")]
OneSeed = Annotated[Path, typer.Option(help="Predictions of one model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]


commands = typer.Typer()


def print_json(found: object) -> None:
    """Print a result for other programs."""
    typer.echo(json.dumps(found, indent=2))


@commands.command(
    epilog="Example: [bold]camchex compare data/ablations/multi_view data/predictions[/]"
)
def compare(
    left: Predictions, right: Predictions, *, cohort: Cohort = COHORT, as_json: AsJson = False
) -> None:
    """Compare two models on the test studies: the second minus the first, with intervals.

    The seeds in a folder are averaged; an interval says what other patients would change.
    """
    from camchex.comparisons.two_models import compare_settings, read_setting
    from camchex.contract import params
    from camchex.runs.runtime import RuntimeParams
    from camchex.scores.evaluate import training_groups
    from camchex.scores.labelled_split import labelled_split
    from camchex.scores.params import EvaluationParams

    given = params.load("evaluation", EvaluationParams)
    seeds = params.load("seeds", list[int])
    studies, test = _test(cohort)
    train = labelled_split(studies, "train", test.classes)
    rule, groups = next(iter(training_groups(train).items()))
    found = compare_settings(
        test,
        read_setting(left, seeds, test),
        read_setting(right, seeds, test),
        groups,
        level=given.bootstrap.level,
        min_cell=given.min_cell,
        workers=params.load("runtime", RuntimeParams).workers,
    )
    if as_json:
        print_json({"groups": rule, **found})
        return
    Console().print(_comparison(found, left, right, rule))
    for key, text in (("not_scored", "Not scored"), ("not_shown", "Too few studies to show")):
        if found[key]:
            typer.echo(f"{text}: {', '.join(found[key])}")


def _comparison(found: Any, left: Path, right: Path, rule: str) -> Table:  # noqa: ANN401 - results
    names = ("score", "left", "right", "right - left", f"{100 * found['level']:g} %")
    title = f"{right} minus {left}: {found['studies']} studies, groups of '{rule}'"
    columns = [Column(name, no_wrap=True) for name in names]
    table = Table("classes", *columns, title=title, box=None)
    for part in ("means", "classes"):
        for name, row in found[part].items():
            for metric in ("AP", "AUROC"):
                values = row[metric]
                low, high = values["interval"] or (float("nan"), float("nan"))
                scores = f"{values['left']:.3f}", f"{values['right']:.3f}"
                change = f"{values['difference']:+.3f}", f"{low:+.3f} to {high:+.3f}"
                score = "mAP" if (part, metric) == ("means", "AP") else metric
                table.add_row(name if metric == "AP" else "", score, *scores, *change)
    return table


@commands.command(epilog="Example: [bold]camchex submit test_sample_submission.csv[/]")
def submit(
    sample: Annotated[Path, typer.Argument(help="The sample submission of the challenge.")],
    *,
    predictions: OneSeed = SEED,
    cohort: Cohort = COHORT,
    out: Annotated[Path, typer.Option(help="The CSV file to write.")] = Path("submission.csv"),
) -> None:
    """Write test predictions in the format of a CXR-LT challenge: one row per image."""
    from camchex.comparisons.submission import write_submission
    from camchex.scores.labelled_split import read_probabilities

    _, test = _test(cohort)
    images = write_submission(test, read_probabilities(predictions, test), sample, out)
    typer.echo(f"wrote {out}: {counted(images, 'image')}")


@commands.command(epilog="Example: [bold]camchex score-release test_labeled_task2.csv[/]")
def score_release(
    labels: Annotated[Path, typer.Argument(help="test_labeled_task2.csv of CXR-LT 2024.")],
    *,
    predictions: OneSeed = SEED,
    cohort: Cohort = COHORT,
) -> None:
    """Score against another release (CXR-LT 2024, task 2), on test patients not trained on."""
    from camchex.aggregates.small_cells import hide_small
    from camchex.comparisons.other_release import score_other_release
    from camchex.contract import params
    from camchex.contract.labels import CXR_LT_2024_TASK2
    from camchex.scores.labelled_split import read_probabilities
    from camchex.scores.params import EvaluationParams
    from camchex.sources.mimic.cxr_lt import read_labels

    given = params.load("evaluation", EvaluationParams)
    studies, test = _test(cohort)
    truth, classes = read_labels(labels, CXR_LT_2024_TASK2), list(CXR_LT_2024_TASK2)
    ours = read_probabilities(predictions, test)
    found = score_other_release(truth, classes, studies, test, ours, given.bootstrap)
    print_json({**found, "left_out": hide_small(found["left_out"], given.min_cell)})


def _test(cohort: Path) -> "tuple[pa.Table, Split]":
    from camchex.contract import params, schemas, tables
    from camchex.contract.labels import LabelParams
    from camchex.scores.labelled_split import labelled_split

    classes = params.load("labels", LabelParams).classes
    studies = tables.read(cohort, schemas.cohort(classes))
    tables.require_disjoint_patients(studies)
    return studies, labelled_split(studies, "test", classes)
