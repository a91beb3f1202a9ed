"""``python -m stages``: the pipeline as ``dvc repro`` makes it, independent stages side by side."""

from typing import Annotated

import typer

from camchex.errors import ParamsError
from camchex.runs.parts import Part
from stages import PartOption, run
from stages.side_by_side.jobs import default_jobs
from stages.side_by_side.parts import make_part
from stages.side_by_side.reproduce import reproduce


def main(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Stages, as `dvc repro` takes them. Default: all.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Stages at a time. Default: cores; 1 with a GPU.")
    ] = None,
    part: PartOption = None,
) -> None:
    """Run the stages that are out of date, each once what it depends on is made.

    With --part, only that part of the stages that are named is made, and nothing is recorded.
    """
    if part is not None:
        if not targets:
            raise ParamsError("--part: name the stages, such as prepare_images_mimic or predict@0")
        make_part(targets, Part.read(part))
        return
    reproduce(targets or [], jobs or default_jobs())


if __name__ == "__main__":
    run(main)
