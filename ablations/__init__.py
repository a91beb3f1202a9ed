"""Experiments beside the pipeline: each part of the model, and cohorts of other parameters."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from camchex.errors import CamchexError

PROJECT = Path(__file__).resolve().parents[1]


def run(main: Callable[[], None], doc: str | None) -> None:
    """Run an experiment without options in the project; ``--help`` prints ``doc`` instead."""
    argparse.ArgumentParser(description=doc).parse_args()
    os.chdir(PROJECT)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it has started, too
    try:
        main()
    except CamchexError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted. The same command goes on from here; what is finished is kept.")
