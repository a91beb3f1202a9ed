"""Work spread over processes gives what one process gives, in its order."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest

from camchex.errors import DataError
from camchex.runs import processes
from camchex.runs.processes import AHEAD, in_processes
from tests.runs.forked import fork_processes


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
    return number


def die_of_some(number: int) -> int:
    return number if number % 3 else die(number)


def refuse(number: int) -> int:
    raise DataError(f"{Path('reports') / str(number)}: damaged")


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert list(in_processes(square, range(30), workers, "squares")) == [n * n for n in range(30)]


@pytest.mark.parametrize("workers", [0, 1])
def test_few_items_are_taken_ahead_of_the_results(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    for done, _ in enumerate(in_processes(square, items(), workers, "squares"), start=1):
        assert len(taken) <= done + AHEAD * workers


def test_a_killed_process_is_said_and_what_to_do() -> None:
    with pytest.raises(DataError, match=r"that reads reports was killed.*runtime\.workers"):
        list(in_processes(die, range(3), 1, "reads reports"))


def test_no_process_is_started_when_one_may_have_been_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pool of Python 3.11 waits for ever for a process that starts while another is killed."""
    started: list[int] = []

    class Watched(ProcessPoolExecutor):
        def submit(self, work: Callable[..., int], *words: object) -> Future[int]:
            given = super().submit(work, *words)
            started.append(len(self._processes))
            return given

    monkeypatch.setattr(processes, "ProcessPoolExecutor", Watched)
    fork_processes(monkeypatch)
    list(in_processes(square, range(9), 3, "squares"))
    assert started == [1, 2, 3] + 9 * [3]


def test_a_process_that_is_killed_again_and_again_is_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fork_processes(monkeypatch)
    for _ in range(2):
        found = list(in_processes(die_of_some, range(7), 3, "squares", lambda _: -1))
        assert all(one in {-1, number} for number, one in enumerate(found))
        assert found[::3] == [-1, -1, -1]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_work_arrives_as_it_is(workers: int) -> None:
    with pytest.raises(DataError, match=r"reports/0: damaged"):
        list(in_processes(refuse, range(50), workers, "reads reports"))


def stay(folder: Path, number: int) -> int:
    (folder / "new").write_text(str(os.getpid()))
    (folder / "new").rename(folder / "pid")
    time.sleep(600)
    return number


def start_one(folder: Path) -> None:
    list(in_processes(partial(stay, folder), [0], 1, "stays"))


def test_processes_end_with_the_one_that_started_them_though_it_is_killed(tmp_path: Path) -> None:
    starting = get_context("spawn").Process(target=start_one, args=(tmp_path,))
    starting.start()
    while not (tmp_path / "pid").exists():
        assert starting.is_alive()
        time.sleep(0.02)
    staying = psutil.Process(int((tmp_path / "pid").read_text()))
    starting.kill()
    psutil.wait_procs([staying], timeout=30)
    assert not staying.is_running() or staying.status() == psutil.STATUS_ZOMBIE
