"""The reference of the command line, from the help of ``camchex``."""

import re

import typer
from typer.cli import get_docs_for_click

from camchex.cli.app import app

BOLD = re.compile(r"\[bold\](.*?)\[/\]")  # as Rich writes it, in examples below a command
HEADING = re.compile(r"^(#+ )", re.MULTILINE)


def page() -> str:
    """Describe every command: what it does, its arguments and its options, as Markdown."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="camchex")
    _, _, below = text.partition("\n")  # the page has a title of its own
    return HEADING.sub(r"\1", BOLD.sub(r"`\1`", below))
