"""Self-test of arithmetic: whether this machine computes the bytes that others computed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from camchex.contract import arithmetic
from camchex.errors import ModelError

RECORDED = Path(__file__).with_name("arithmetic.json")
"""Digests of every operation, as Intel's and AMD's processors gave them alike."""
OPERATIONS = "camchex.estimate.operations"
DIGESTS = "digests"


class ArithmeticTest(NamedTuple):
    """Comparison of this machine's arithmetic with the recorded one."""

    differs: tuple[str, ...]  # operations whose bytes are others than the recorded ones
    advice: str  # what may be the reason and what to do; empty if nothing differs


def self_test(recorded: Path = RECORDED) -> ArithmeticTest:
    """Compute every operation in a process with fixed arithmetic, and compare the bytes.

    Takes some seconds, most of them to import torch.

    Raises:
        ModelError: If torch cannot compute an operation at all.
    """
    return compare(json.loads(_measure()), json.loads(recorded.read_text()))


def _measure() -> str:
    """Run all operations in a process of their own, since arithmetic is fixed before any import."""
    done = subprocess.run(  # noqa: S603 - this library's own module
        [sys.executable, "-m", OPERATIONS],
        env=arithmetic.pinned(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ModelError(f"the self-test of arithmetic stopped: {last}")
    return done.stdout


def compare(here: dict[str, object], recorded: dict[str, object]) -> ArithmeticTest:
    """Compare two outputs of ``camchex.estimate.operations``."""
    mine, theirs = here[DIGESTS], recorded[DIGESTS]
    assert isinstance(mine, dict)
    assert isinstance(theirs, dict)
    differs = tuple(name for name in theirs if mine.get(name) != theirs[name])
    others = [name for name in recorded if name != DIGESTS and here.get(name) != recorded[name]]
    reasons = [
        f"{name} is {here.get(name)} here, {recorded[name]} in the record" for name in others
    ]
    advice = "; ".join(reasons) or "this processor or its libraries lack AVX2, or ignore it"
    return ArithmeticTest(
        differs,
        f"{advice}. The pins of constraints.txt on an x86-64 processor with AVX2 give the recorded "
        "bytes; elsewhere `camchex verify` says how far the results are apart."
        if differs
        else "",
    )


def record(file: Path = RECORDED) -> None:
    """Record this machine's arithmetic, once the pins of torch or numpy are others."""
    file.write_text(_measure())
