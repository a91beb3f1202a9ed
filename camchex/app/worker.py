"""The process that holds the model, apart from the one that talks to browsers.

So a long sum does not keep anybody's page waiting, and a file that kills a decoder ends this
process alone, which is then started again.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from camchex.app.about import About
from camchex.app.form import Form
from camchex.runs.processes import end_with_parent

if TYPE_CHECKING:
    from camchex.app.reading import TriedModel

Result = TypeVar("Result")
Work = Callable[..., Result]


@dataclass(frozen=True)
class Tried:
    """What is to be tried: see :class:`camchex.app.reading.TriedModel`."""

    model: Path
    calibration: Path | None = None
    evidence: Path | None = None


_held: list["TriedModel"] = []  # in the process that holds the model; empty in all others


def load(tried: Tried) -> About:
    """Load the model; run by the process that is to hold it."""
    from camchex.app.reading import TriedModel

    _held[:] = [TriedModel(tried.model, tried.calibration, tried.evidence)]
    return _held[0].about()


def numbers(form: Form) -> tuple[str, str]:
    """See :meth:`camchex.app.reading.TriedModel.numbers`."""
    return _held[0].numbers(form)


def reasons(form: Form, finding: str) -> str:
    """See :meth:`camchex.app.reading.TriedModel.reasons`."""
    return _held[0].reasons(form, finding)


class Worker:
    """One process with one model.

    Args:
        tried: The model.

    Raises:
        DataError: If calibration or evidence cannot be read.
        ModelError: If the model is missing or damaged.
    """

    def __init__(self, tried: Tried) -> None:
        self._tried = tried
        self.about = self.start()

    def start(self) -> About:
        """Start the process, or start another one after it was killed; takes some seconds."""
        # A process that runs threads must not be forked.
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, initializer=end_with_parent)
        try:
            return self._pool.submit(load, self._tried).result()
        except BaseException:
            self.stop()
            raise

    def submit(self, work: "Work[Result]", *arguments: object) -> "Future[Result]":
        """Let the process do some work, one piece at a time, in the order of the calls.

        Raises:
            BrokenProcessPool: If the process was killed; so does the result of work that kills it.
        """
        return self._pool.submit(work, *arguments)

    def stop(self) -> None:
        """End the process."""
        self._pool.shutdown(cancel_futures=True)
