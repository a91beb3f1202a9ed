"""The ``camchex`` command line.

Each command imports what is slow to import, so that help appears at once.
"""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.table import Column, Table

from camchex import NOT_A_DEVICE, __version__
from camchex.cli import explain, many_studies, scores, serve, verify
from camchex.cli.scores import AsJson, print_json
from camchex.cli.study_options import (
    Calibration,
    Gender,
    Images,
    Indication,
    UnknownView,
    VitalSigns,
)
from camchex.errors import CamchexError, ParamsError, disk_problem

if TYPE_CHECKING:
    from camchex.many_studies.asked import AskedStudy
    from camchex.profiles.profiles import Params
    from camchex.scores.calibration_file import Rule

NOT_CALIBRATED = "Not calibrated: numbers to rank by, no frequencies."

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The pipeline itself is run by DVC: [bold]dvc repro[/].",
)
profile = typer.Typer(no_args_is_help=True, help="Use or compare complete configurations.")
synthetic = typer.Typer(no_args_is_help=True, help="Draw examples of the synthetic cohort.")
app.add_typer(profile, name="profile")
app.add_typer(synthetic, name="synthetic")
app.add_typer(scores.commands)
app.add_typer(verify.commands)
app.add_typer(explain.commands)
app.add_typer(serve.commands)

YES_NO = {True: "yes", False: "no", None: "-"}  # None: too few studies for a threshold
MODEL = Path("models/fusion/seed0")
ProfileName = Annotated[str, typer.Argument(help="A profile's name, or a YAML file.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard changes in params.yaml.")]
Decisions = Annotated[
    bool, typer.Option("--decisions", help="Add yes or no, by thresholds from development.")
]
Model = Annotated[Path, typer.Option(help="Folder of a trained model.")]
Picture = Annotated[Path, typer.Option(help="The PNG file to write.")]
Models = Annotated[
    list[Path] | None,
    typer.Option(
        "--model",
        metavar="FOLDER",
        help="A trained model; repeat for the mean of several, and the range over them.",
        show_default=str(MODEL),
    ),
]
MANY = "Many studies"  # the panel of these options in the help
StudyTable = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Studies, one a row: .csv, .parquet or .jsonl.",
        rich_help_panel=MANY,
    ),
]
DicomFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="DICOM files in any arrangement, grouped by study.",
        rich_help_panel=MANY,
    ),
]
DicomWeb = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Root of an archive's DICOMweb; its login is a header in CAMCHEX_DICOMWEB_HEADER.",
        rich_help_panel=MANY,
    ),
]
Find = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Which studies of the archive, by StudyInstanceUID, AccessionNumber, PatientID or "
        "StudyDate (20260131 or 20260101-20260131); repeat for more.",
        rich_help_panel=MANY,
    ),
]
Store = Annotated[
    bool,
    typer.Option(
        "--store",
        help="Store a structured report (camchex\\[sr]) beside the images, once.",
        rich_help_panel=MANY,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The results, one row a study: .csv, .parquet or .jsonl.",
        rich_help_panel=MANY,
    ),
]
Formats = Annotated[
    list[many_studies.Format] | None,
    typer.Option(
        "--format",
        help="Also write, beside the results: sr, structured reports of DICOM; fhir, JSON lines.",
        rich_help_panel=MANY,
        show_default=False,
    ),
]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that read and decode.", rich_help_panel=MANY)
]
Device = Annotated[
    many_studies.Accelerator,
    typer.Option(help="Where the networks compute.", rich_help_panel=MANY),
]


def main() -> None:
    """Run the command line; an error the user can act on is one message, without a traceback."""
    gc.set_threshold(50_000)  # collections as often as by default take a tenth of a prediction
    try:
        app()
    except CamchexError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else disk_problem(error)
        if problem is None:
            raise  # not of a file that the user named, nor of the disk
        typer.secho(f"error: {problem}", fg="red", err=True)
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
    *,
    tables: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Validate these canonical tables (docs/own_data.md)."),
    ] = None,
    stores: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Verify the checksums of prepared images, as in data."),
    ] = None,
) -> None:
    """Validate params.yaml, and list which raw data are present, missing, or not as published.

    Also computes every kind of operation of the networks on fixed numbers, and says whether this
    machine's arithmetic gives the recorded bytes, where section runtime asks for these.

    Where section encoder or text names a published model, says whether it can be had; a backbone
    that cannot be built is named.

    With --tables or --stores, check your own canonical tables, or prepared images, instead. The
    exit status is 1 if anything is missing, wrong or unreadable.
    """
    from camchex.check import check_data, check_stores, check_tables, render_data, render_tables
    from camchex.check.arithmetic import self_test
    from camchex.check.rendering import render_arithmetic, render_pretrained
    from camchex.profiles.profiles import validate_file

    params = validate_file()
    if tables is None and stores is None:
        texts, ranges = params.indications, params.vitals.ranges
        checked = check_data(params.data, params.external, params.labels, texts, ranges)
        pretrained = _pretrained(params)
        shown = Group(render_data(checked), *render_pretrained(pretrained))
        complete = checked.complete and not any(pretrained.values())
    else:
        found = [] if stores is None else check_stores(stores)
        if tables is not None:
            classes, ranges = params.labels.classes, params.vitals.ranges
            sources = {key: one.source for key, one in params.external.items()}
            found += check_tables(tables, params.data.root, classes, sources, ranges)
        shown, complete = render_tables(found), not any(table.problems for table in found)
    Console().print(shown)
    if tables is None and stores is None and params.runtime.portable:
        Console(soft_wrap=True).print(render_arithmetic(self_test()))
    raise typer.Exit(0 if complete else 1)


def _pretrained(params: "Params") -> dict[str, str | None]:
    """What is wrong with the models of sections encoder and text, by parameter.

    Where neither names a published model, only what is wrong: a backbone that timm does not build.
    """
    from camchex.cli.pretrained import check_pretrained

    encoder, text, fusion = params.encoder, params.text, params.fusion
    fused = fusion.architecture == "camchex" and "images" in fusion.inputs
    heads = fusion.heads if fused else None
    found = check_pretrained(encoder, text, params.images.size, heads)
    timm_name = "/" not in encoder.backbone and ":" not in encoder.backbone
    if (encoder.pretrained, text.model) == ("none", "tiny") and timm_name:
        return {key: problem for key, problem in found.items() if problem}
    return found


@app.command("convert-text", epilog="Example: [bold]camchex convert-text biobert-v1.1[/]")
def convert_text(
    folder: Annotated[Path, typer.Argument(help="A downloaded model, with pytorch_model.bin.")],
) -> None:
    """Make the pickle of a downloaded text model into safetensors, without running code in it.

    Then text.model can name the folder. It needs config.json and the files of the tokenizer, too.
    """
    from camchex.cli.pretrained import convert_pickle

    typer.echo(f"wrote {convert_pickle(folder)}: text.model can be {folder}")


@app.command(epilog="Example: [bold]camchex estimate --profile paper --devices 4[/]")
def estimate(
    *,
    name: Annotated[
        str, typer.Option("--profile", help="A profile's name, or a YAML file.")
    ] = "params.yaml",
    devices: Annotated[int, typer.Option(min=1, help="Number of devices like this one.")] = 1,
    seconds: Annotated[
        float, typer.Option(min=1, help="Duration of the measurement, roughly.")
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Estimate hours and memory of all trainings, from a few steps on this device.

    Images and studies are counted in the tables below data.root; published counts stand in for
    missing tables.
    """
    from dataclasses import asdict

    from camchex.contract import arithmetic
    from camchex.profiles.profiles import locate, validate_file

    params = validate_file(locate(name))
    if params.runtime.portable:
        arithmetic.pin()  # before torch is imported, as the stages do

    from camchex.check import check_data
    from camchex.estimate.sample_counts import count_samples
    from camchex.estimate.training_time import measure, planned_trainings, render, training_time

    sections = (params.data, params.external, params.labels)
    counts = count_samples(check_data(*sections), *sections)
    probes = measure(params, planned_trainings(params, counts), devices, seconds)
    found = training_time(params, counts, devices, probes)
    if as_json:
        print_json(asdict(found))
    else:
        Console().print(render(found))


@app.command(epilog="Example: [bold]camchex export my-model --model models/fusion/seed0[/]")
def export(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    *,
    model: Model = MODEL,
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also write model.onnx for onnxruntime (camchex\\[onnx])."),
    ] = False,
) -> None:
    """Put a model into one folder to hand on: with calibration, card and a reference study.

    `camchex selftest --model FOLDER` predicts that study, which is an invented one, anywhere.

    A model may remember patients: treat weights trained on restricted data as restricted data.
    """
    from camchex.contract import arithmetic

    arithmetic.pin()  # before torch is imported, so that others can compute the same bytes

    from camchex.export.folder import export_model

    for name in export_model(model, out, onnx=onnx):
        typer.echo(out / name)


@app.command(epilog="Example: [bold]camchex selftest --model my-model[/]")
def selftest(*, model: Model = MODEL, as_json: AsJson = False) -> None:
    """Predict the reference study of an exported model, and say if the numbers are reproduced.

    An ONNX file of the export is checked, too, where onnxruntime is installed.

    Exit status: 0, they are: to the byte, or within the tolerance where other versions or another
    processor compute them; 1, they are not.
    """
    from camchex.contract import arithmetic

    arithmetic.pin()  # before torch is imported

    from camchex.export.reference import self_test

    found = self_test(model)
    if as_json:
        print_json(found.as_json())
    else:
        same = "to the byte" if found.reproduced else "probabilities to the byte, but not all else"
        how = same if found.exact else f"largest difference {found.largest:.2e}"
        say = "reproduced" if found.reproduced else "not reproduced"
        typer.echo(f"{model}: {say}: {how}" + ("" if found.exact else f" ({found.where})"))
        if found.onnx is not None:
            typer.echo(f"{model}: model.onnx: largest difference {found.onnx:.2e}")
        for line in found.said:
            Console(stderr=True, soft_wrap=True, markup=False).print(line, style="dim")
    raise typer.Exit(0 if found.reproduced else 1)


@profile.command("list")
def list_profiles() -> None:
    """List the profiles and what each is for."""
    from camchex.profiles.profiles import locate, names

    table = Table("profile", "what it is", box=None)
    for name in names():
        with locate(name).open(encoding="utf-8", errors="replace") as file:
            table.add_row(name, file.readline().strip("# \n"))
    Console(markup=False).print(table)


@profile.command("use", epilog="Example: [bold]camchex profile use paper --data-root /data[/]")
def use_profile(
    name: ProfileName,
    *,
    data_root: Annotated[Path | None, typer.Option(help="Folder of your raw data.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Copy a profile over params.yaml, after validating it."""
    from camchex.profiles.profiles import unsaved, use

    if not overwrite and unsaved():
        raise ParamsError(
            "params.yaml has values that are in no profile and would be lost. "
            "`camchex profile diff demo` shows them; `--overwrite` discards them."
        )
    used = use(name, data_root)
    typer.echo(f"params.yaml is now {name}; data.root is {used.data.root}")


@profile.command("diff", epilog="Example: [bold]camchex profile diff paper released[/]")
def diff_profiles(left: ProfileName, right: ProfileName = "params.yaml") -> None:
    """Show every key on which two configurations differ; the second is params.yaml by default."""
    from camchex.comparisons.parameters import parameter_differences
    from camchex.profiles.profiles import locate

    table = Table(Column("key", no_wrap=True), left, right, box=None)
    for found in parameter_differences(locate(left), locate(right)):
        table.add_row(found.key, found.left, found.right)
    Console(markup=False).print(table if table.row_count else f"{left} and {right} are the same.")


@synthetic.command(epilog="Example: [bold]camchex synthetic preview --studies 12[/]")
def preview(
    studies: Annotated[int, typer.Option(min=1, help="Number of studies.")] = 12,
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
        "\n\nMany: [bold]camchex predict --table studies.csv --out findings.csv[/], or "
        "[bold]--dicom FOLDER[/], or [bold]--dicomweb URL --find StudyDate=20260131[/] in place of "
        "the table. A study that "
        "cannot be read is a row with its reason, and stops no other; a run that was stopped goes "
        "on when it is run again. Exit status: 0, every study was predicted; 3, some were not; "
        "1, error. docs/many_studies.md describes every column."
    )
)
def predict(  # noqa: PLR0913 - one option for each thing known of a study
    *,
    models: Models = None,
    table: StudyTable = None,
    dicom: DicomFolder = None,
    dicomweb: DicomWeb = None,
    find: Find = None,
    store: Store = False,
    out: Out = None,
    formats: Formats = None,
    workers: Workers = 0,
    accelerator: Device = "auto",
    frontal: Images = None,
    lateral: Images = None,
    image: UnknownView = None,
    indication: Indication = None,
    vitals: VitalSigns = None,
    gender: Gender = None,
    decisions: Decisions = False,
    calibration: Calibration = None,
    as_json: AsJson = False,
) -> None:
    """Predict the findings of one study, most probable first, or of many.

    Leave out what is not known. Probabilities are calibrated where the model's calibration is.
    Research software, not a medical device.
    """
    from camchex.cli.vital_signs import parse_vital_signs
    from camchex.many_studies.asked import AskedImage, AskedStudy

    source = (table, dicom, dicomweb, find or (), store)
    many = (*source, out, workers, accelerator, formats or ())
    request = many_studies.Request(models or [MODEL], calibration, *many)
    if request.is_for_many:
        shown = {"--decisions": decisions, "--json": as_json}
        many_studies.require_none(shown, "the file of --out has all of it, as its name ends")
        images_of_one = {"--frontal": frontal, "--lateral": lateral, "--image": image}
        rest_of_one = {"--indication": indication, "--vitals": vitals, "--gender": gender}
        many_studies.predict_many(request, {**images_of_one, **rest_of_one})
    of_many = {"--out": out, "--format": formats, "--workers": workers}
    several = len(request.models) > 1
    of_many |= {} if several else {"--accelerator": accelerator != "auto"}
    many_studies.require_none(of_many, "one study is shown, and computed by the CPU: see --table")
    images = [AskedImage(path, "frontal") for path in frontal or []]
    images += [AskedImage(path, "lateral") for path in lateral or []]
    images += [AskedImage(path) for path in image or []]
    values = parse_vital_signs(vitals or "")
    study = AskedStudy("", 1, tuple(images), indication, values, gender)
    if several:
        only_json = {"--decisions": decisions and not as_json}
        many_studies.require_none(only_json, "--json has the decisions of several models")
        many_studies.predict_by_several(request, study, as_json=as_json)
    _predict_one(request.models[0], study, calibration, decisions=decisions, as_json=as_json)


def _predict_one(
    model: Path, study: "AskedStudy", calibration: Path | None, *, decisions: bool, as_json: bool
) -> None:
    from dataclasses import asdict

    from camchex.many_studies.colours import require_one_tint
    from camchex.prediction.one_study import (
        ImageNotes,
        StudyInput,
        image_preparation,
        load,
        predict_study,
    )
    from camchex.prediction.unknown_views import describe, look_at_images
    from camchex.scores.calibration_file import beside, read_calibration
    from camchex.views.view_classifier import beside as classifier_beside
    from camchex.views.view_classifier import read_view_classifier

    images = [(one.path, one.view) for one in study.images if one.view]
    image = [one.path for one in study.images if not one.view]
    # The model is loaded last, since it takes longest: a missing file is reported at once.
    for one in study.images:
        require_one_tint(one.path)
    wanted = calibration or beside(model)
    fitted = read_calibration(wanted) if calibration or decisions or wanted.exists() else None
    loaded = load(model)
    classifier = read_view_classifier(classifier_beside(model))
    seen = look_at_images(image, classifier, image_preparation(loaded)) if image else {}
    images += [(path, one.view) for path, one in seen.items()]
    notes: ImageNotes = {}
    given = StudyInput(images, study.indication, study.vitals, study.gender)
    found = predict_study(loaded, given, notes, classifier)
    shown = fitted.calibrated(found) if fitted else found
    ranked = dict(sorted(shown.items(), key=lambda item: (-item[1], item[0])))
    decided = fitted.decide(ranked) if fitted and (decisions or calibration) else {}
    if as_json:
        print_json({
            "note": NOT_A_DEVICE,
            "calibrated": fitted is not None,
            "probabilities": ranked,
            **({"as_predicted": {name: found[name] for name in ranked}} if fitted else {}),
            **({"decisions": decided} if decided else {}),
            **({"views": {str(path): asdict(one) for path, one in seen.items()}} if seen else {}),
            **({"image_notes": {str(path): notes[path] for path in notes}} if notes else {}),
        })  # fmt: skip
        return
    Console().print(_findings_table(ranked, decided))
    noted = (f"{path}: {'; '.join(notes[path])}" for path in notes)
    said = bool(images or study.indication or study.vitals or study.gender)
    nothing = () if said else ("Nothing is known of the study: see the options of --help.",)
    how = () if fitted else (f"{NOT_CALIBRATED} {wanted}: no such file (`dvc repro evaluate`).",)
    for line in (*noted, *nothing, *describe(seen, classifier), *how, NOT_A_DEVICE):
        Console(stderr=True, soft_wrap=True, markup=False).print(line, style="dim")


def _findings_table(
    ranked: Mapping[str, float], decided: Mapping[str, Mapping["Rule", bool | None]]
) -> Table:
    rules = list(next(iter(decided.values()), ()))
    table = Table("finding", "probability", *rules, box=None)
    for name, probability in ranked.items():
        answers = [YES_NO[decided[name][rule]] for rule in rules]
        table.add_row(name, f"{probability:.3f}", *answers)
    return table
