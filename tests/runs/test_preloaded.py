"""A command that is handed over to a process that has imported already, and one that is not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest

from camchex.runs import preloaded

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "__init__.py": "from camchex.runs import preloaded\npreloaded.hand_over()\n",
    "__main__.py": "print('by a fork')",
    "heavy.py": "import pathlib, os\nwith open('imports', 'a') as log: log.write('once\\n')\n",
    "program.py": """
import atexit, multiprocessing, os, sys, time
import handing.heavy
atexit.register(print, "at the end")
print(__name__, sys.argv[1:], sys.orig_argv[1:], os.getcwd(), os.environ.get("SAID"))
print(multiprocessing.get_start_method())
print("to stderr", file=sys.stderr)
if sys.argv[1] == "wait":
    open("waiting", "w").write(str(os.getpid()))
    time.sleep(60)
if sys.argv[1] == "die":
    os.kill(os.getpid(), 9)
if sys.argv[1] == "raise":
    raise ValueError("no such thing")
sys.exit(int(sys.argv[1]))
""",
}


def nothing() -> None:
    """Fix no arithmetic: what runs here computes nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a package lies whose programs hand themselves over."""
    folder = tmp_path_factory.mktemp("handing")
    (folder / "handing").mkdir()
    for name, text in FILES.items():
        (folder / "handing" / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The socket of a process that has imported the package's heavy module."""
    address = str(folder / "socket")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        words = (address, 0, ["handing.heavy"], nothing)
        process = get_context("spawn").Process(target=preloaded.serve, args=words)
        process.start()
    while not Path(address).exists():
        assert process.is_alive()
        time.sleep(0.02)
    yield address
    process.kill()
    process.join()


def start(folder: Path, address: str, word: str) -> subprocess.Popen[str]:
    own = {preloaded.ADDRESS: address, "SAID": "so", "PYTHONPATH": f"{ROOT}:{folder}"}
    command = [sys.executable, "-m", "handing.program", word]
    pipe = subprocess.PIPE
    env = {**os.environ, **own}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True)


def run(folder: Path, address: str, word: str) -> tuple[int, str, str, int]:
    """Status, output, errors, and how often the heavy module was imported anew."""
    log = folder / "imports"
    before = len(log.read_text()) if log.exists() else 0
    process = start(folder, address, word)
    out, errors = process.communicate(timeout=60)
    return process.returncode, out, errors, (len(log.read_text()) - before) // len("once\n")


@pytest.mark.parametrize("word", ["0", "3", "raise"])
def test_a_program_that_is_handed_over_ends_prints_and_sees_what_it_would_by_itself(
    folder: Path, address: str, word: str
) -> None:
    status, out, errors, imports = run(folder, address, word)
    alone = run(folder, "no/such/socket", word)
    assert (status, out) == alone[:2]
    assert errors.splitlines()[0] == alone[2].splitlines()[0] == "to stderr"
    assert errors.splitlines()[-1] == alone[2].splitlines()[-1]
    assert "at the end" in out
    assert (imports, alone[3]) == (0, 1)


def test_a_package_is_handed_over_once_by_itself_too(folder: Path, address: str) -> None:
    """Which the fork imports anew; it must not hand over once more."""
    command = [sys.executable, "-m", "handing"]
    env = {**os.environ, preloaded.ADDRESS: address, "PYTHONPATH": f"{ROOT}:{folder}"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=60, check=True)
    assert done.stdout == b"by a fork\n"


def test_a_program_whose_process_is_killed_has_failed(folder: Path, address: str) -> None:
    assert run(folder, address, "die")[0] == 1


def test_a_program_ends_when_what_handed_it_over_is_killed(folder: Path, address: str) -> None:
    process = start(folder, address, "wait")
    waiting = folder / "waiting"
    while not waiting.exists() or not waiting.read_text():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    program = int(waiting.read_text())
    while psutil.pid_exists(program) and psutil.Process(program).status() != "zombie":
        assert time.monotonic() < deadline
        time.sleep(0.02)
