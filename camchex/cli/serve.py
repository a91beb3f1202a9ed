"""``camchex serve``: a page to try a model on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from camchex import NOT_A_DEVICE
from camchex.cli.explain import Evidence
from camchex.cli.study_options import Calibration

commands = typer.Typer()


@commands.command(epilog="Example: [bold]camchex serve --model my-model[/]")
def serve(
    *,
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")] = Path(
        "models/fusion/seed0"
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen at; by default, this machine alone reaches it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8080,
    calibration: Calibration = None,
    evidence: Evidence = None,
) -> None:
    """Show a page in the browser to try a model on; stop it with Ctrl-C.

    Images, indication and vital signs stay in memory until the answer is there. Nothing is kept or
    logged, and nothing is loaded from outside. Research software, not a medical device.
    """
    from camchex.app.memory import require_memory_files
    from camchex.errors import ModelError

    try:
        from camchex.app.server import LOOPBACK, listen
        from camchex.app.server import serve as serve_page
        from camchex.app.worker import Tried, Worker
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{error.name} is not installed, which the page needs: `pip install 'camchex[app]'`"
        ) from error

    require_memory_files()
    said = Console(stderr=True, soft_wrap=True, markup=False)
    listening = listen(host, port)
    worker = Worker(Tried(model, calibration, evidence))
    try:
        if host not in LOOPBACK:
            said.print(
                f"{host}: others reach this page, without a password and without encryption. Put "
                "it behind a server that has both."
            )
        said.print(NOT_A_DEVICE, style="dim")
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"http://{shown}:{listening.getsockname()[1]}/ shows {worker.about.name}")
        serve_page(worker, host, listening)
    finally:
        worker.stop()
