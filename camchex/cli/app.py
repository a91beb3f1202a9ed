"""The ``camchex`` command.

Whatever is slow to import is imported by the command that needs it, so that help is instant.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table

from camchex import __version__
from camchex.cli import scores as cli_scores
from camchex.errors import CamchexError, DataError, ParamsError

NOT_A_DEVICE = "Research software, not a medical device: not for diagnosis or treatment."

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The pipeline itself is run by DVC: [bold]dvc repro[/].",
)
profile = typer.Typer(no_args_is_help=True, help="Use or compare complete configurations.")
synthetic = typer.Typer(no_args_is_help=True, help="Look at the embedded synthetic cohort.")
app.add_typer(profile, name="profile")
app.add_typer(synthetic, name="synthetic")
cli_scores.add_to(app)

YES_NO = {True: "yes", False: "no", None: "-"}  # None: too few studies to fit a threshold
MODEL = Path("models/fusion/seed0")
Gender = Literal["F", "M"]
ProfileName = Annotated[str, typer.Argument(help="A profile's name, or a YAML file.")]
Picture = Annotated[Path, typer.Option(help="The PNG that is written.")]
Images = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="JPEG, PNG or DICOM; repeat for more.")
]


def main() -> None:
    """Run the command line; an error the user can act on is one message, without a traceback."""
    try:
        app()
    except CamchexError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(1) from None


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer hands the option's value over
    if wanted:
        typer.echo(f"camchex {__version__}")
        raise typer.Exit


@app.callback()
def _camchex(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Study-level chest X-ray classification from images, indication and vital signs.

    Research software, not a medical device.
    """


@app.command(epilog="Example: [bold]camchex check[/], or [bold]camchex check --tables mine[/]")
def check(
    tables: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Validate these canonical tables (docs/own_data.md)."),
    ] = None,
) -> None:
    """Validate params.yaml, and say which raw data are there, missing, or not as published.

    With --tables: what is wrong with canonical tables of your own, column by column. Exit status 1
    if anything is missing, wrong or cannot be read.
    """
    from camchex import check as data_check
    from camchex.profiles.profiles import validate_file

    params = validate_file()
    if tables is not None:
        found = data_check.check_tables(
            tables, params.data.root, params.labels.classes, params.external, params.vitals.ranges
        )
        Console().print(data_check.render_tables(found))
        if any(table.problems for table in found):
            raise typer.Exit(1)
        return
    findings = data_check.check(params.data, params.external, params.labels)
    Console().print(data_check.render(findings))
    if not findings.complete:
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]camchex estimate --profile paper --devices 4[/]")
def estimate(
    *,
    name: Annotated[
        str, typer.Option("--profile", help="A profile's name, or a YAML file.")
    ] = "params.yaml",
    devices: Annotated[int, typer.Option(min=1, help="How many like this one there will be.")] = 1,
    seconds: Annotated[
        float, typer.Option(min=1, help="For the measurement, roughly; a step is not broken off.")
    ] = 60,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for other programs.")
    ] = False,
) -> None:
    """Hours and memory that a configuration's trainings take, from a few steps on this device.

    Images and studies are counted in the tables below data.root, or are as published.
    """
    import sys
    from dataclasses import asdict

    from rich.progress import track

    from camchex.estimate import estimate as reckoning
    from camchex.estimate.sample_counts import count_samples
    from camchex.profiles.profiles import locate, validate_file

    params = validate_file(locate(name))
    bar = Console(file=sys.stderr)
    counts = count_samples(params.data, params.external, params.labels)
    found = reckoning.estimate(
        params,
        counts,
        devices,
        seconds,
        lambda stages: track(stages, "measuring", console=bar, disable=not bar.is_terminal),
    )
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"hours": found.hours}, indent=2))
        return
    Console().print(reckoning.render(found))


@app.command(epilog="Example: [bold]camchex export my-model --model models/fusion/seed0[/]")
def export(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    *,
    model: Annotated[Path, typer.Option(help="A trained model.")] = MODEL,
) -> None:
    """Put a model's weights, calibration and card (README.md) into one folder to hand on.

    A model may remember patients: weights trained on restricted data are to be treated as it is.
    """
    from camchex.prediction.export import export_model

    for name in export_model(model, out):
        typer.echo(out / name)


@profile.command("list")
def list_profiles() -> None:
    """List the profiles, with the first line of each."""
    from camchex.profiles.profiles import locate, names

    table = Table("profile", "what it is", box=None)
    for name in names():
        table.add_row(name, locate(name).read_text().partition("\n")[0].lstrip("# "))
    Console().print(table)


@profile.command("use", epilog="Example: [bold]camchex profile use paper --data-root /data[/]")
def use_profile(
    name: ProfileName,
    *,
    data_root: Annotated[Path | None, typer.Option(help="Where your raw data lie.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also where params.yaml has changes of its own.")
    ] = False,
) -> None:
    """Copy a profile over params.yaml, after validating it."""
    from camchex.profiles.profiles import unsaved, use

    if not overwrite and unsaved():
        raise ParamsError(
            "params.yaml has values that no profile holds, and that would be lost. "
            "`camchex profile diff demo` shows them; `--overwrite` discards them."
        )
    used = use(name, data_root)
    typer.echo(f"params.yaml is now {name}; data.root is {used.data.root}")


@profile.command("diff", epilog="Example: [bold]camchex profile diff paper released[/]")
def diff_profiles(left: ProfileName, right: ProfileName = "params.yaml") -> None:
    """Show every key on which two configurations differ (the second: params.yaml)."""
    from camchex.comparisons.parameters import differences
    from camchex.profiles.profiles import locate

    table = Table(Column("key", no_wrap=True), left, right, box=None)
    for found in differences(locate(left), locate(right)):
        table.add_row(found.key, found.left, found.right)
    Console(markup=False).print(table if table.row_count else f"{left} and {right} are the same.")


@synthetic.command(epilog="Example: [bold]camchex synthetic preview --studies 12[/]")
def preview(
    studies: Annotated[int, typer.Option(min=1, help="How many studies to draw.")] = 12,
    out: Picture = Path("preview.png"),
) -> None:
    """Draw studies with their findings, indication and vital signs as one picture."""
    from camchex.contract.params import load
    from camchex.synthetic.params import SyntheticParams
    from camchex.synthetic.preview import contact_sheet

    contact_sheet(load("synthetic", SyntheticParams), studies, out)
    typer.echo(f"wrote {out}")


@synthetic.command(epilog="Example: [bold]camchex synthetic findings --out findings.png[/]")
def findings(out: Picture = Path("findings.png")) -> None:
    """Draw each finding alone, beside the same body without it."""
    from camchex.contract.params import load
    from camchex.synthetic.params import SyntheticParams
    from camchex.synthetic.preview import finding_sheet

    finding_sheet(load("synthetic", SyntheticParams), out)
    typer.echo(f"wrote {out}")


@app.command(
    epilog=(
        "Example: [bold]camchex predict --frontal pa.jpg --lateral ll.jpg "
        "--indication 'Fever and cough // ?PNA' --vitals temperature=101.2,o2sat=91 --gender F[/]"
    )
)
def predict(  # noqa: PLR0913 - one option for each thing known of a study
    *,
    model: Annotated[Path, typer.Option(help="A folder of models/fusion.")] = MODEL,
    frontal: Images = None,
    lateral: Images = None,
    indication: Annotated[str | None, typer.Option(help="As written in the request.")] = None,
    vitals: Annotated[
        str | None,
        typer.Option(help="temperature (F), heartrate, resprate, o2sat, sbp, dbp: name=value,..."),
    ] = None,
    gender: Annotated[Gender | None, typer.Option(help="As MIMIC-IV-ED records it.")] = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Also say yes or no, by thresholds of development.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Thresholds; else those beside the model."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for other programs.")
    ] = False,
) -> None:
    """Findings of one study, most probable first, from its images, indication and vital signs.

    Leave out what is not known. Research software, not a medical device.
    """
    import numpy as np

    from camchex.prediction.one_study import StudyInput, View, load, predict_study
    from camchex.scores.calibration_file import RULES, beside, read_calibration, rescale

    images: list[tuple[Path, View]] = [(path, "frontal") for path in frontal or []]
    images += [(path, "lateral") for path in lateral or []]
    study = StudyInput(images, indication, _vital_signs(vitals), gender)
    # Read before the model, which takes longer: a missing file is told at once.
    fitted = None
    if decisions or calibration is not None:
        fitted = read_calibration(calibration or beside(model))
    found = predict_study(load(model), study)
    ranked = dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
    decided = {} if fitted is None else fitted.decide(ranked)
    if as_json:
        answer: dict[str, object] = {"note": NOT_A_DEVICE, "probabilities": ranked}
        if fitted is not None:
            scaled = rescale(np.array(list(ranked.values())), fitted.temperature).tolist()
            answer["calibrated"] = dict(zip(ranked, scaled, strict=True))
            answer["decisions"] = decided
        typer.echo(json.dumps(answer, indent=2))
        return
    table = Table("finding", "probability", *(RULES if decided else ()), box=None)
    for name, probability in ranked.items():
        answers = [YES_NO[decided[name][rule]] for rule in RULES] if decided else []
        table.add_row(name, f"{probability:.3f}", *answers)
    Console().print(table)
    Console(stderr=True).print(NOT_A_DEVICE, style="dim")


def _vital_signs(text: str | None) -> dict[str, float]:
    """``temperature=101.2,o2sat=91`` as canonical columns and numbers."""
    from camchex.contract.schemas import VITAL_SIGNS

    canonical = {published: name for name, published in VITAL_SIGNS.items()}
    values: dict[str, float] = {}
    for item in text.split(",") if text else []:
        name, _, number = (part.strip() for part in item.partition("="))
        if name not in canonical or canonical[name] in values:
            raise DataError(f"--vitals: {item!r}: expected each of {', '.join(canonical)} once")
        values[canonical[name]] = _measurement(name, number)
    return values


def _measurement(name: str, number: str) -> float:
    from camchex.vitals.plausible import CELSIUS

    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise DataError(f"--vitals: {name}={number}: expected a number above 0; leave out unknowns")
    if name == "temperature" and CELSIUS[0] <= value <= CELSIUS[1]:
        raise DataError(
            f"--vitals: {name}={number} looks like degrees Celsius. "
            f"In Fahrenheit that is {name}={value * 1.8 + 32:.1f}."
        )
    return value
