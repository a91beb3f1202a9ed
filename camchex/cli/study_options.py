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


def _require_utf_8(text: str | None) -> str | None:
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:  # of a terminal, or a script, in another coding
        raise typer.BadParameter("is not UTF-8. Write it in this coding.") from error
    return text


Indication = Annotated[
    str | None, typer.Option(help="Text of the request.", callback=_require_utf_8)
]
VitalSigns = Annotated[
    str | None,
    typer.Option(help="temperature (F), heartrate, resprate, o2sat, sbp, dbp: name=value,..."),
]
Gender = Annotated[Literal["F", "M"] | None, typer.Option(help="Sex, as MIMIC-IV-ED records it.")]
Calibration = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Calibration to use; default: that of the model."),
]
