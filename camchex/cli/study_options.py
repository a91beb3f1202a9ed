"""Options that several commands share: what is known of one study, and how a model is read."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Images = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="JPEG, PNG or DICOM; repeat for more.")
]
UnknownView = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="An image of unknown view, which is decided or refused."),
]
Indication = Annotated[str | None, typer.Option(help="Text of the request.")]
VitalSigns = Annotated[
    str | None,
    typer.Option(help="temperature (F), heartrate, resprate, o2sat, sbp, dbp: name=value,..."),
]
Gender = Annotated[Literal["F", "M"] | None, typer.Option(help="Sex, as MIMIC-IV-ED records it.")]
Calibration = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Calibration to use; default: that of the model."),
]
