"""One thin module per DVC stage: declared paths in, one library call, declared paths out."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from camchex.errors import CamchexError

Input = Annotated[Path, typer.Option(help="A path that dvc.yaml declares as a dependency.")]
Output = Annotated[Path, typer.Option(help="A path that dvc.yaml declares as an output.")]
Name = Annotated[str, typer.Option(help="Which item of the stage this is.")]


def run(main: Callable[..., None]) -> None:
    """Run a stage's ``main`` from the command line; an error the user can act on is one message."""
    try:
        typer.run(main)
    except CamchexError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
