"""The whole pipeline over data of the published sizes, measured: ``make rehearsal``.

Nothing in the data is real (``full_size_tree.py``), and networks are tiny (``rehearsal.yaml``).
Measured is whether tables, files and DVC hold at that size, and how long each stage takes. It runs
in a clone of the last commit, with a cache of its own, below ``--workdir``. A rehearsal that was
stopped goes on when it is started again.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from full_size_tree import write_tree
from measured import Cost, measure
from record import RESULTS, machine, show, write

from ablations.cohorts import PROJECT, changed_parameters
from camchex.cohort.published import COUNTS
from camchex.contract.yaml_file import read_yaml

DEMO = PROJECT / "data/synthetic/raw"
SMALLER = Path(__file__).with_name("rehearsal.yaml")
CODE = ("camchex", "stages", "dvc.yaml", "profiles", "benchmarks/rehearsal.yaml")
"""What decides the results of a rehearsal."""
LIMITS: Mapping[str, float] = {
    "minutes": 90, "peak_gb": 8, "disk_gb": 40, "seconds_of_a_command_with_nothing_to_do": 10,
}  # fmt: skip
Json = dict[str, Any]


class Rehearsal:
    """A folder with data of one size, a clone of the project, and what was measured there."""

    def __init__(self, workdir: Path, scale: Fraction, demo: Path = DEMO) -> None:
        self.scale, self.demo = scale, demo
        self.folder = workdir.resolve() / f"{scale.numerator}_{scale.denominator}"
        self.raw, self.clone = self.folder / "raw", self.folder / "clone"
        self.log, self.result = self.folder / "costs.jsonl", self.folder / "rehearsal.json"

    def prepare(self) -> None:
        """Make what is missing of data and clone.

        Raises:
            SystemExit: If the clone has other code than the project's last commit.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.raw.exists():
            began, cpu = time.time(), time.process_time()
            write_tree(self.demo, self.raw, self.scale)
            took = {"seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}
            self._note({"words": ["tree"], "began": began, **took})
        if not self.clone.exists():
            _git(self.folder, "clone", "--quiet", str(PROJECT), str(self.clone))
            settings = {**read_yaml(SMALLER), "data.root": str(self.raw)}
            text = changed_parameters(settings, self.clone / "profiles/corrected.yaml")
            (self.clone / "params.yaml").write_text(text)
        if not _has_code_of(found := _commit(self.clone)):
            sys.exit(
                f"error: {self.clone} was cloned at commit {found[:8]}, whose code is not that of "
                f"the last commit here. Check out {found[:8]} to go on, or delete {self.folder}."
            )
        stand_in = self.folder / "bin/python"
        stand_in.parent.mkdir(exist_ok=True)
        words = [sys.executable, str(Path(__file__).with_name("measured.py")), str(self.log)]
        stand_in.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        stand_in.chmod(0o755)

    def run(self, targets: Sequence[str]) -> None:
        """Bring stages up to date, or all.

        Raises:
            SystemExit: If a stage fails.
        """
        self._note({"words": ["dvc"], "began": time.time()})
        cost = self.dvc("repro", *targets)
        self._note({"words": ["dvc"], **asdict(cost)})
        if cost.status:
            sys.exit(f"error: a stage failed, see above. The same command goes on in {self.clone}.")

    def dvc(self, *words: str) -> Cost:
        """Run DVC in the clone, with the stand-in for ``python``."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(self.clone)}
        return measure([sys.executable, "-m", "dvc", *words], self.clone, env)

    def _note(self, line: Json) -> None:
        with self.log.open("a") as file:
            print(json.dumps(line), file=file)

    def lines(self) -> list[Json]:
        """What was written down, in order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stages(self) -> list[Json]:
        """What the last finished run of each stage took, and then DVC, in the order of running."""
        recorded = read_yaml(self.clone / "dvc.lock")["stages"]
        names = {tuple(shlex.split(entry["cmd"])[1:]): name for name, entry in recorded.items()}
        found: dict[str, Json] = {}
        begun: dict[str, int] = {}
        lines = self.lines()
        for line, after in zip(lines, [*lines[1:], {}], strict=True):
            name = names.get(tuple(line["words"]))
            if name is None:
                continue
            if "status" not in line:
                begun[name] = begun.get(name, 0) + 1
            elif not line["status"]:
                end = line["began"] + line["seconds"]
                cost = {key: line[key] for key in line if key not in ("words", "began", "status")}
                found[name] = {
                    "stage": name, **cost, "dvc_seconds": round(max(0, _time(after) - end), 2),
                    "runs": begun.get(name, 1),
                }  # fmt: skip
        return list(found.values())

    def own_reading(self) -> float:
        """Megabytes that DVC itself read in all runs that ended."""
        read, stages = 0.0, 0.0
        for line in self.lines():
            if line["words"] == ["dvc"]:
                read += line["read_mb"] - stages if "status" in line else 0
                stages = 0
            elif "status" in line:
                stages += line["read_mb"]
        return round(read)

    def report(self, targets: Sequence[str]) -> Json:
        """All figures; DVC's commands are timed now."""
        nothing_to_do = {
            "dvc status": asdict(self.dvc("status", *targets)),
            "dvc repro": asdict(self.dvc("repro", *targets)),
            "dvc metrics diff": asdict(self.dvc("metrics", "diff")),
        }
        stages = self.stages()
        made = next(one for one in self.lines() if one["words"] == ["tree"])
        together = sum(one["seconds"] + one["dvc_seconds"] for one in stages)
        disk = sum(size for _, size in _files(self.folder))
        figures = {
            "minutes": round((made["seconds"] + together) / 60, 1),
            "peak_gb": round(max(one["peak_mb"] for one in stages) / 1000, 2),
            "disk_gb": round(disk / 1e9, 2),
            "seconds_of_a_command_with_nothing_to_do": max(
                cost["seconds"] for cost in nothing_to_do.values()
            ),
        }
        outs = [
            (path, size)
            for name in ("data", "models")
            for path, size in _files(self.clone / name)
            if path.is_file() and not path.is_symlink()
        ]
        return {
            "scale": str(self.scale),
            "commit": _commit(self.clone),
            "figures": figures,
            "limits": LIMITS,
            "tree": {name: round(value, 1) for name, value in made.items() if "seconds" in name},
            "stages": stages,
            "nothing_to_do": nothing_to_do,
            "dvc": {
                "seconds": round(sum(one["dvc_seconds"] for one in stages), 1),
                "read_mb": self.own_reading(),
                "outputs_mb": round(sum(size for _, size in outs) / 1e6),
                "outputs_not_linked_mb": round(
                    sum(s for path, s in outs if path.stat().st_nlink == 1) / 1e6
                ),
            },
            "smaller": read_yaml(SMALLER),
        }


def _time(line: Json) -> float:
    """When what a line tells of happened; a new run of DVC says nothing of the one before."""
    if not line or (line["words"] == ["dvc"] and "status" not in line):
        return 0.0
    return float(line["began"] + (line["seconds"] if line["words"] == ["dvc"] else 0))


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Files and folders below a folder, each with its bytes on the disk; a file counts once."""
    seen: set[int] = set()
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            status = path.lstat()
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                yield path, 512 * status.st_blocks


def _git(folder: Path, *words: str) -> str:
    # Commands of this module's own.
    done = subprocess.run(  # noqa: S603 - words of this module
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True  # noqa: S607 - of the path
    )  # fmt: skip
    return done.stdout.strip()


def _commit(folder: Path) -> str:
    return _git(folder, "rev-parse", "HEAD")


def _has_code_of(commit: str) -> bool:
    """Whether the last commit of the project has the code of another; unknown ones have not."""
    words = ["git", "diff", "--quiet", commit, "HEAD", "--", *CODE]
    done = subprocess.run(words, cwd=PROJECT, check=False, capture_output=True)  # noqa: S603 - ours
    return not done.returncode


def table(result: Json) -> str:
    """Stages, DVC's commands and limits as Markdown."""
    columns = ("stage", "s", "processor, s", "DVC, s", "memory, GB", "read, MB", "written, MB")
    images = round(COUNTS["metadata"]["images"] * Fraction(result["scale"]))
    lines = [f"{machine()}; {images:,} images of MIMIC-CXR; commit {result['commit'][:8]}.", ""]
    lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    rows = [(one["stage"], one, f"{one['dvc_seconds']:.1f}") for one in result["stages"]]
    rows += [(f"`{name}`, nothing to do", one, "") for name, one in result["nothing_to_do"].items()]
    lines += [
        f"| {name} | {one['seconds']:.1f} | {one['cpu_seconds']:.1f} | {dvc} "
        f"| {one['peak_mb'] / 1000:.2f} | {one['read_mb']:.0f} | {one['written_mb']:.0f} |"
        for name, one, dvc in rows
    ]
    lines += ["", "| what | at most | found |", "|---|---|---|"]
    lines += [
        f"| {name.replace('_', ' ')} | {most:g} | {result['figures'][name]:g} |"
        for name, most in result["limits"].items()
    ]
    return "\n".join(lines) + "\n"


def rehearse(rehearsal: Rehearsal, targets: Sequence[str] = ()) -> Json:
    """Make what is missing, run what is out of date, and write what all of it took."""
    rehearsal.prepare()
    rehearsal.run(targets)
    result = rehearsal.report(targets)
    write(rehearsal.result, result)
    return result


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=Fraction, default=Fraction(1), help="such as 1/16")
    parser.add_argument("--workdir", type=Path, default=PROJECT / ".camchex/rehearsal")
    parser.add_argument("--demo", type=Path, default=DEMO, help="the raw tree that is copied")
    parser.add_argument("targets", nargs="*", help="stages; default: all")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Rehearse; a rehearsal of all stages at full size is recorded."""
    asked = arguments(words)
    result = rehearse(Rehearsal(asked.workdir, asked.scale, asked.demo), asked.targets)
    if asked.scale == 1 and not asked.targets:
        write(RESULTS / "rehearsal.json", result)
        show(PROJECT / "docs/scale.md", "rehearsal", table(result))
    print(table(result))


if __name__ == "__main__":
    main()
