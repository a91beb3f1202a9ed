"""``python -m stages``: the pipeline as ``dvc repro`` makes it, independent stages side by side."""

from typing import Annotated

import typer

from stages import run
from stages.side_by_side.jobs import default_jobs
from stages.side_by_side.reproduce import reproduce


def main(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Stages, as `dvc repro` takes them. Default: all.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Stages at a time. Default: cores; 1 with a GPU.")
    ] = None,
) -> None:
    """Run the stages that are out of date, each once what it depends on is made."""
    reproduce(targets or [], jobs or default_jobs())


if __name__ == "__main__":
    run(main)
