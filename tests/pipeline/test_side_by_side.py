"""Stages side by side, and two ``dvc repro`` by hand, in repositories of a few dummy stages."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from dvc.lock import Lock
from dvc.repo import Repo

from camchex.errors import ParamsError
from camchex.runs import preloaded
from camchex.runs.parts import Part
from stages.side_by_side import jobs
from stages.side_by_side.parts import make_part
from stages.side_by_side.reproduce import urgencies

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # of DVC's own
ROOT = Path(__file__).resolve().parents[2]
DUMMY = """
import os, pathlib, sys, time
name, seconds = sys.argv[1], float(sys.argv[2])
start = time.time()
pathlib.Path(f"times/{name}.started").touch()
together = os.environ.get("TOGETHER", "").split()  # these run at the same time, or fail
while name in together and not all(os.path.exists(f"times/{n}.started") for n in together):
    assert time.time() < start + 120
    time.sleep(0.02)
time.sleep(seconds)
if name in os.environ.get("FAIL", "").split():
    sys.exit("no such thing as " + name)
pathlib.Path(name).write_text(name)
pathlib.Path(f"{name}.json").write_text('{"score": 1}')
with open(f"times/{name}", "a") as times:
    times.write(f"{start} {time.time()}\\n")
"""
DIAMOND = {"last": "b c", "b": "a", "c": "a", "a": "", "alone": ""}
BY_HAND = ("dvc", "--wait-for-lock", "repro", "-s")
EIGHT: Mapping[str, str] = dict.fromkeys("stuvwxyz", "")
ROUNDS = int(os.environ.get("ROUNDS", "2"))
"""Of the tests that hope to meet a bad moment; 20 when something here is changed."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def environment(**variables: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables}


def call(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that is let to end, in a fork of the process that has imported for the tests."""
    env, handed = environment(**variables), command("tests.runs.handed", *words)
    return subprocess.run(handed, cwd=folder, env=env, capture_output=True, text=True, check=False)


def up_to_date(folder: Path, stages: str = "") -> bool:
    """What ``dvc status -q`` says of all stages or of some, without a process of its own."""
    with Repo(folder) as repo:
        return not repo.status(targets=[f"{folder}/dvc.yaml:{name}" for name in stages])


def repository(folder: Path, stages: Mapping[str, str], seconds: float = 0.2) -> Path:
    """A repository whose stages read each other's outputs and note when they ran."""
    (folder / "times").mkdir(parents=True)
    (folder / "dummy.py").write_text(DUMMY)
    (folder / "params.yaml").write_text("\n".join(f"{name}: 1" for name in stages))
    pipeline = {
        name: {
            "cmd": f"python dummy.py {name} {seconds}",
            "deps": ["dummy.py", *needs.split()],
            "params": [name],
            "outs": [name],
            "metrics": [{f"{name}.json": {"cache": False}}],
        }
        for name, needs in stages.items()
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": pipeline}))
    (folder / ".gitignore").write_text("/times\n/.camchex\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    Repo.init(folder).close()
    (folder / ".dvc/config").write_bytes((ROOT / ".dvc/config").read_bytes())
    return folder


def copy_of(folder: Path, other: Path) -> Path:
    """The same repository before anything was made."""
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("cache", "tmp", ".camchex"))
    for path in [other / "dvc.lock", *other.glob("*.json"), *(other / "times").iterdir()]:
        path.unlink(missing_ok=True)
        (other / path.stem).unlink(missing_ok=True)
    return other


def runs(folder: Path, name: str) -> list[tuple[float, float]]:
    """Start and end of each time that a stage ran to its end."""
    path = folder / "times" / name
    rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [(float(start), float(end)) for start, end in rows]


def most_at_once(folder: Path, names: Mapping[str, str]) -> int:
    spans = [span for name in names for span in runs(folder, name)]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diamond, made two stages at a time."""
    folder = repository(tmp_path_factory.mktemp("repositories") / "diamond", DIAMOND)
    done = call(folder, "stages", "--jobs", "2", TOGETHER="b c")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no terminal, no progress
    assert done.stdout.startswith("5 stages up to date: 0 before, 5 run")
    return folder


def test_a_stage_starts_when_all_that_it_reads_is_made(made: Path) -> None:
    for name, needs in DIAMOND.items():
        ((start, _),) = runs(made, name)
        assert all(end <= start for other in needs.split() for _, end in runs(made, other))


def test_as_many_run_at_once_as_were_asked_for_and_no_more(made: Path) -> None:
    assert most_at_once(made, DIAMOND) == 2


@pytest.mark.parametrize(("named", "made"), [("of", "of@a of@b"), ("of@b", "of@b")])
def test_a_part_of_stages_is_made_by_their_commands_and_recorded_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, made: str
) -> None:
    folder = repository(tmp_path / "parts", {})
    (folder / "note.py").write_text("import sys; open('noted', 'a').write(str(sys.argv[1:]))")
    each = {"foreach": ["a", "b"], "do": {"cmd": "python note.py '${item} b'", "outs": ["${item}"]}}
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"of": each}}))
    monkeypatch.chdir(folder)
    make_part([named], Part.read("2/3"))
    noted = [str([f"{name[-1]} b", "--part", "2/3"]) for name in made.split()]
    assert (folder / "noted").read_text() == "".join(noted)
    assert not (folder / "dvc.lock").exists()


def test_a_part_that_fails_or_of_no_stage_is_one_message(tmp_path: Path) -> None:
    folder = repository(tmp_path / "parts", {"a": ""})
    failed = call(folder, "stages", "--part", "2/3", "a", FAIL="a")
    assert failed.returncode == 1
    assert "error: a: part 2/3 failed, see above" in failed.stderr
    unknown = call(folder, "stages", "--part", "2/3", "nothing")
    assert unknown.returncode == 1
    assert "nothing" in unknown.stderr
    assert "Traceback" not in failed.stderr + unknown.stderr


def test_files_are_those_of_dvc_repro_byte_for_byte(made: Path, tmp_path: Path) -> None:
    """Although entries are new: DVC alone would have them in the order in which stages end."""
    plain = copy_of(made, tmp_path / "plain")
    done = call(plain, "dvc", "repro")
    assert done.returncode == 0, done.stderr
    for name in ("dvc.lock", ".gitignore", *DIAMOND, *(f"{name}.json" for name in DIAMOND)):
        assert (made / name).read_bytes() == (plain / name).read_bytes(), name


def test_what_is_up_to_date_is_not_started(made: Path) -> None:
    before = {path: path.read_bytes() for path in (made / "times").iterdir()}
    done = call(made, "stages", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 stages up to date: 5 before, 0 run")
    assert {path: path.read_bytes() for path in (made / "times").iterdir()} == before


def test_a_change_reruns_what_dvc_repro_reruns_and_keeps_the_order_of_dvc_lock(
    made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(made, folder)
    entries = [line for line in (folder / "dvc.lock").read_text().splitlines() if line[2:3] != " "]
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("b: 1", "b: 2"))
    done = call(folder, "stages", "--jobs", "2", "last")
    assert done.returncode == 0, done.stderr
    # `last` is checked but not run: `b` has the same bytes again.
    assert done.stdout.startswith("4 stages up to date: 2 before, 2 run or checked")
    assert {name: len(runs(folder, name)) for name in DIAMOND} == {
        **dict.fromkeys(DIAMOND, 1),
        "b": 2,
    }
    after = [line for line in (folder / "dvc.lock").read_text().splitlines() if line[2:3] != " "]
    assert after == entries
    assert up_to_date(folder)


def test_the_longest_chain_goes_first_and_of_equals_the_one_that_is_further() -> None:
    chain = {"raw": "", "read": "raw", "cohort": "read", "teacher": "cohort"}
    side = {"table": "raw", "images": "table"}
    upstream = {**chain, **side, "label": "teacher images", "student": "label", "note": "label"}
    found = urgencies({name: frozenset(needs.split()) for name, needs in upstream.items()})
    order = sorted(upstream, key=found.__getitem__, reverse=True)
    assert order[:4] == ["raw", "read", "cohort", "table"]
    assert order[4:7] == ["teacher", "images", "label"]


@pytest.mark.slow
def test_after_a_failure_nothing_is_started_and_what_runs_is_let_to_end(tmp_path: Path) -> None:
    stages = {"bad": "", "slow": "", "next": "slow", "never": "bad"}
    folder = repository(tmp_path / "failing", stages)
    slow = (folder / "dvc.yaml").read_text().replace("slow 0.2", "slow 4")
    (folder / "dvc.yaml").write_text(slow)
    done = call(folder, "stages", "--jobs", "2", FAIL="bad", TOGETHER="bad slow")
    assert done.returncode == 1
    assert "no such thing as bad" in done.stderr
    assert "Traceback" not in done.stderr
    assert "error: bad failed" in done.stderr
    log = folder / ".camchex/logs/repro/bad.log"
    assert str(log.relative_to(folder)) in done.stderr
    assert log.stat().st_mode & 0o077 == 0
    assert {name: len(runs(folder, name)) for name in stages} == {
        **dict.fromkeys(stages, 0),
        "slow": 1,
    }
    again = call(folder, "stages", "--jobs", "2")
    assert again.returncode == 0, again.stderr
    assert {name: len(runs(folder, name)) for name in ("slow", "next", "never")} == {
        "slow": 1,
        "next": 1,
        "never": 1,
    }


def test_a_terminal_has_one_line_that_says_how_far_the_run_is(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    shutil.copytree(made, folder)
    (folder / "params.yaml").write_text((made / "params.yaml").read_text().replace("a: 1", "a: 2"))
    ours, terminal = pty.openpty()
    env = environment(TERM="xterm", COLUMNS="100")
    env.pop("NO_COLOR", None)
    running = subprocess.Popen(
        command("stages", "--jobs", "2"),
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's end
        while read := os.read(ours, 4096):
            shown += read
    os.close(ours)
    told, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    lines = re.findall(rb"stage (\d) of 5 \xc2\xb7 \d+ s \xc2\xb7 (\S+) \(\d+ s\)", shown)
    assert lines  # a stage that ends between two refreshes is in none
    assert all(b"2" <= place <= b"5" for place, _ in lines)  # one is up to date
    assert shown.count(b"\n") <= 1
    assert told.startswith(b"5 stages up to date: 1 before, 4 run or checked")


def test_a_target_that_is_not_there_is_one_message(made: Path) -> None:
    done = call(made, "stages", "--jobs", "2", "dreams")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "dreams" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copy_without_git_says_how_to_make_a_repository_and_then_runs(
    made: Path, tmp_path: Path
) -> None:
    copy = copy_of(made, tmp_path / "copy")
    shutil.rmtree(copy / ".git")
    done = call(copy, "stages", "--jobs", "1", "a")
    assert done.returncode == 1
    message, commands = done.stderr.split("make a repository of this copy: ")
    assert message.startswith(f"error: {copy} is not a git repository, which DVC needs.")
    who = {
        f"GIT_{one}_{key}": "a@b.c" for one in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    subprocess.run(commands, shell=True, cwd=copy, check=True, env=environment(**who))  # noqa: S602 - ours
    assert call(copy, "stages", "--jobs", "1", "a").stdout.startswith("1 stage up to date")


IMPORTED_FOR_ALL = """
import os, subprocess, sys, time
from stages.side_by_side.processes import PRELOADED_SOCKET, Processes, only_run
with only_run(), Processes(["stages.link_vitals", "stages.build_cohort"]):
    while not PRELOADED_SOCKET.exists():
        time.sleep(0.02)
    os.environ["CAMCHEX_PRELOADED"] = str(PRELOADED_SOCKET)
    stage = ["-X", "importtime", "-m", "stages.link_vitals", "--help"]
    subprocess.run([sys.executable, *stage], check=True)
"""


def test_what_stages_import_is_imported_once_for_a_run(tmp_path: Path) -> None:
    """The process of a stage imports next to nothing, and its fork nothing at all."""
    env = environment()
    env.pop(preloaded.ADDRESS, None)  # as by hand, where no other process has imported
    run = [sys.executable, "-c", IMPORTED_FOR_ALL]
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert "Usage: python -m stages.link_vitals" in done.stdout
    assert "camchex.runs.preloaded" in done.stderr
    assert "typer" not in done.stderr


def until(condition: object, seconds: float = 120) -> None:
    """Wait for a callable to be true."""
    end = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Processes whose working folder is this one: stages, DVC, and what holds them together."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_run_nothing_is_left_running_and_the_next_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "stopped", {"quick": "", "b": "quick", "c": "quick"}, 0)
    pipeline = (folder / "dvc.yaml").read_text()
    (folder / "dvc.yaml").write_text(pipeline.replace("b 0", "b 60").replace("c 0", "c 60"))
    # Where the tests are a background job of a script, SIGINT is ignored, and would be by the run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(
        command("stages", "--jobs", "2"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    until(lambda: all((folder / "times" / f"{name}.started").exists() for name in "bc"))
    running.send_signal(number)
    (folder / "dvc.yaml").write_text(pipeline)
    # At once, while the stages of the first may still be ending.
    done = call(folder, "stages", "--jobs", "2")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "3 stages up to date: 1 before" in done.stdout
    _, shown = running.communicate(timeout=120)
    if number != signal.SIGKILL:
        assert running.returncode == 130
        assert "interrupted. The same command goes on" in shown
    until(lambda: not processes_in(folder))


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("repositories") / "eight", EIGHT, 0.1)


@pytest.mark.slow
def test_no_update_of_dvc_lock_is_lost(eight: Path) -> None:
    """Eight stages end together, again and again."""
    for number in range(ROUNDS):
        (eight / "params.yaml").write_text("\n".join(f"{name}: {number}" for name in EIGHT))
        done = call(eight, "stages", "--jobs", "8")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("8 stages up to date: 0 before")
        assert up_to_date(eight)
        ignored = (eight / ".gitignore").read_text().split()
        assert sorted(ignored) == sorted(["/times", "/.camchex", *(f"/{name}" for name in EIGHT)])


def by_hand(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command in a terminal of its own."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    handed = command("tests.runs.handed", *words)
    return subprocess.Popen(handed, cwd=folder, env=environment(), text=True, **both)


@pytest.mark.slow
def test_two_commands_by_hand_do_not_disturb_each_other(eight: Path) -> None:
    """As the README has it: two stages in two terminals."""
    for number in range(ROUNDS):
        (eight / "params.yaml").write_text("\n".join(f"{name}: -{number}" for name in EIGHT))
        for process in [by_hand(eight, *BY_HAND, name) for name in "st"]:
            shown, _ = process.communicate(timeout=60)
            assert process.returncode == 0, shown
            assert "lock" not in shown.replace("dvc.lock", "").replace("lock file", "")
        assert up_to_date(eight, "st")


@pytest.mark.slow
def test_a_lock_that_dvc_holds_for_long_is_waited_for(made: Path, tmp_path: Path) -> None:
    """For instance while DVC computes the checksums of a large output; `dvc repro` gives up."""
    folders = [tmp_path / name for name in ("plain", "waits", "driver")]
    for folder in folders:
        shutil.copytree(made, folder)
    locks = [Lock(folder / ".dvc/tmp/lock") for folder in folders]
    for lock in locks:
        lock.lock()
    plain = by_hand(folders[0], "dvc", "repro", "-s", "a")
    waiting = [by_hand(folders[1], *BY_HAND, "a"), by_hand(folders[2], "stages", "--jobs", "2")]
    shown, _ = plain.communicate(timeout=60)
    assert plain.returncode != 0
    assert "Unable to acquire lock" in shown
    assert [process.poll() for process in waiting] == [None, None]
    for lock in locks:
        lock.unlock()
    for process in waiting:
        shown, _ = process.communicate(timeout=60)
        assert process.returncode == 0, shown
        assert "Unable" not in shown


@pytest.mark.parametrize(
    ("accelerator", "gpu", "expected"),
    [("cpu", True, "cores"), ("auto", False, "cores"), ("auto", True, 1), ("cuda", False, 1)],
)
def test_a_gpu_trains_one_model_at_a_time(
    accelerator: str,
    gpu: bool,  # noqa: FBT001
    expected: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    assert "accelerator: auto" in text
    text = text.replace("accelerator: auto", f"accelerator: {accelerator}")
    Path("params.yaml").write_text(text)
    node = tmp_path / "nvidia0"
    if gpu:
        node.touch()
    monkeypatch.setattr(jobs, "GPUS", (node,))
    monkeypatch.setattr(sys, "platform", "linux")
    cores = len(os.sched_getaffinity(0))
    assert jobs.default_jobs() == (cores if expected == "cores" else expected)


def test_what_only_a_late_stage_reads_is_refused_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  norm_first: true", "  norm_frist: true"))
    with pytest.raises(ParamsError, match=r"fusion\.norm_frist"):
        jobs.default_jobs()
