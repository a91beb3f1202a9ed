"""``camchex explain``: what moved the numbers of one study."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from camchex import NOT_A_DEVICE
from camchex.cli.study_options import (
    Calibration,
    Gender,
    Images,
    Indication,
    UnknownView,
    VitalSigns,
)

if TYPE_CHECKING:
    from camchex.contract.schemas import View

commands = typer.Typer()
Evidence = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Results of `make explanations` for this model; default: the demo's."
    ),
]


@commands.command(
    epilog=(
        "Example: [bold]camchex explain --frontal pa.jpg --indication 'Fever // ?PNA' "
        "--finding Pneumonia --out why[/]\n\nAn explanation that was not better than its baselines "
        "is not shown of that finding (docs/explain.md)."
    )
)
def explain(  # noqa: PLR0913 - one option for each thing known of a study, as in predict
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new or empty folder.")] = Path(
        "explanation"
    ),
    finding: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="What to explain; repeat for more. Default: the 3 most probable."
        ),
    ] = None,
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")] = Path(
        "models/fusion/seed0"
    ),
    frontal: Images = None,
    lateral: Images = None,
    image: UnknownView = None,
    indication: Indication = None,
    vitals: VitalSigns = None,
    gender: Gender = None,
    calibration: Calibration = None,
    evidence: Evidence = None,
) -> None:
    """Explain the findings of one study: maps, words, vital signs, and what each input contributed.

    Writes explanation.html, explanation.json and a PNG for each map. A map shows where the network
    looked, not why. Research software, not a medical device.
    """
    from camchex.cli.vital_signs import parse_vital_signs
    from camchex.contract.files import sha256
    from camchex.explanations.explain import ModelAtHand, explain_study
    from camchex.explanations.offered import EVIDENCE, read_evidence
    from camchex.explanations.page import require_new, write_explanation
    from camchex.networks.hub import WEIGHTS
    from camchex.prediction.one_study import StudyInput, image_preparation, load
    from camchex.prediction.unknown_views import describe, look_at_images
    from camchex.scores.calibration_file import beside, read_calibration
    from camchex.views.view_classifier import beside as classifier_beside
    from camchex.views.view_classifier import read_view_classifier

    require_new(out)
    # The model is loaded last, since it takes longest: a missing file is reported at once.
    values = parse_vital_signs(vitals or "")
    known = read_evidence(evidence or EVIDENCE)
    wanted = calibration or beside(model)
    fitted = read_calibration(wanted) if calibration or wanted.exists() else None
    network = load(model)
    classifier = read_view_classifier(classifier_beside(model))
    _require_one_tint([*(frontal or []), *(lateral or []), *(image or [])])
    seen = look_at_images(image or [], classifier, image_preparation(network)) if image else {}
    images: list[tuple[Path, View]] = [
        *((path, "frontal") for path in frontal or []),
        *((path, "lateral") for path in lateral or []),
        *((path, one.view) for path, one in seen.items()),
    ]
    study = StudyInput(images, indication, values, gender)
    at_hand = ModelAtHand(network, sha256(model / WEIGHTS), fitted, classifier)
    explanation = explain_study(at_hand, study, finding or [], known)
    for path in write_explanation(explanation, out):
        typer.echo(path)
    said = [f"{path}: {'; '.join(lines)}" for path, lines in explanation.notes.items()]
    for found in explanation.findings:
        said += [f"{found.finding}: {kind}: {why}" for kind, why in found.not_shown.items()]
    for line in (*said, *describe(seen, classifier), NOT_A_DEVICE):
        Console(stderr=True, soft_wrap=True, markup=False).print(line, style="dim")


def _require_one_tint(paths: Sequence[Path]) -> None:
    """Refuse photographs in colours, as ``camchex predict`` does."""
    from camchex.many_studies.colours import require_one_tint

    for path in paths:
        require_one_tint(path)
