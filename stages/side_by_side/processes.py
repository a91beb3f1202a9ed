"""Processes of stages: started quickly, their output kept, and none left behind."""

import fcntl
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from dvc import dvcfile
from dvc.cli import main
from rich.console import Console

from camchex.runs import preloaded
from camchex.runs.scratch import LOGS, SCRATCH, run_name
from stages import fix_arithmetic
from stages.side_by_side.records import modify_entries

RUN_LOCK = SCRATCH / "repro.lock"
"""Held by a run."""
STAGES_LOCK = SCRATCH / "repro_stages.lock"
"""Held, together, by the stages that run."""
PRELOADED_SOCKET = SCRATCH / "repro.socket"
"""Where the process that has imported what stages import waits for their commands."""
PRELOADED = (
    *(__name__, "dvc.cli.parser", "dvc.commands.repro", "dvc.repo.index", "dvc.repo.reproduce"),
    *("dvc.repo.stage", "dvc.repo.scm_context", "dvc.stage.cache", "dvc.stage.loader"),
    *("dvc.stage.run", "dvc.dvcfile", "dvc.scm", "dvc.cachemgr", "dvc.data_cloud", "dvc.rwlock"),
    *("dvc.parsing", "dvc.utils.serialize", "dvc_data.hashfile.state", "dulwich.index"),
    *("dvc.repo.datasets", "dvc.repo.plots", "dvc.dirs", "configobj", "pyparsing"),
)
"""Modules that one process imports for all, which saves each stage 0.5 s of processor time."""
SECONDS_TO_END = 30
"""For DVC to record a stage that had just ended, when the run is stopped."""


class Processes:
    """A process per stage, in a group that ends with this process, however this one ends.

    A context manager: whoever leaves it early stops the stages that still run. Their commands get
    SIGTERM; DVC is let to finish what it writes, so that no dvc.lock is cut off.

    Args:
        modules: What the stages run. If several, one process imports them for all, unless whoever
            started this run has such a process already (``camchex/runs/preloaded.py``).
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))
        self._started: list[BaseProcess] = []

    def __enter__(self) -> Self:
        self._alive, other = self._context.Pipe()
        self._guard = self._context.Process(target=_guard, args=(other,))
        self._guard.start()
        other.close()
        self._alive.recv()
        if len(self._modules) > 1 and preloaded.ADDRESS not in os.environ:
            PRELOADED_SOCKET.unlink(missing_ok=True)
            words = (str(PRELOADED_SOCKET), self._guard.pid, self._modules, fix_arithmetic)
            self._started.append(self._context.Process(target=preloaded.serve, args=words))
            self._started[-1].start()
        return self

    def start(self, address: str) -> BaseProcess:
        """Start a stage."""
        log = log_of(address)
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        log.unlink(missing_ok=True)
        log.touch(mode=0o600)
        process = self._context.Process(target=_run_stage, args=(address, log, self._guard.pid))
        process.start()
        self._started.append(process)
        return process

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._alive.close()
        for process in (*self._started, self._guard):
            process.join()


def log_of(address: str) -> Path:
    """The file of a stage's output, which stays on this machine."""
    return LOGS / "repro" / f"{run_name(Path(address))}.log"


def _guard(run: Connection) -> None:
    """Lead the group of the stages, and end it when the run has closed its end of ``run``.

    A run that is killed cannot do so itself; the system then closes its end.
    """
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    run.send("ready")
    with suppress(EOFError):
        run.recv()
    end = time.monotonic() + SECONDS_TO_END
    with STAGES_LOCK.open("a") as file:
        while time.monotonic() < end:
            os.killpg(0, signal.SIGTERM)  # each time: DVC may just have started a command
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)  # this process, too


def _run_stage(address: str, log: Path, group: int) -> None:
    """Be ``dvc repro --single-item``, in a process of its own."""
    os.setpgid(0, group)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # its command has the system's own handlers again
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.environ.setdefault(preloaded.ADDRESS, str(PRELOADED_SOCKET))
    dvcfile.modify_yaml = modify_entries
    with _locked(STAGES_LOCK, fcntl.LOCK_SH):
        words = ["repro", "--single-item", address]
        sys.argv = ["dvc", *words]  # by which DVC names this process to others
        sys.exit(main(["--wait-for-lock", *words]))


@contextmanager
def only_run() -> Iterator[None]:
    """Wait until no other run is at work here, nor a stage of a run that was killed."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with _locked(RUN_LOCK, fcntl.LOCK_EX):
        with _locked(STAGES_LOCK, fcntl.LOCK_EX):
            pass
        yield


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """Hold a lock, which the system frees when this process ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            Console(stderr=True).print("another `make repro` is at work here; waiting")
            fcntl.flock(file, how)
        yield
