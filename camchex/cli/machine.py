"""Facts about this machine that can make bytes differ from the recorded ones."""

import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from camchex.runs.runtime import RuntimeParams

PROCESSORS = ("x86_64", "AMD64")
"""Names of the processors on which the recorded bytes are made again."""
DECIDING = ("accelerator", "devices", "nodes", "portable", "compile")
"""Keys of ``runtime`` that change the last digits of a result."""


def python_and_processor() -> str:
    """Version of Python, system and processor, for a reader."""
    return f"Python {platform.python_version()}, {platform.system()}, {platform.machine()}"


def machine_differences(pins: str, recorded: "RuntimeParams", here: "RuntimeParams") -> list[str]:
    """Everything known in which this machine may differ from the recorded run's, as sentences.

    Args:
        pins: Text of the pinned versions that the recorded run had, ``name==version`` a line.
        recorded: Section ``runtime`` of the recorded run.
        here: Section ``runtime`` of this folder.

    Raises:
        ParamsError: If ``runtime`` asks for a device that is not there.
    """
    found = differing_operations()
    found += other_versions(pins)
    found += _other_runtime(recorded, here)
    if platform.machine() not in PROCESSORS:
        found.append(f"processor: {platform.machine()}, not x86-64 as recorded")
    return found


def differing_operations() -> list[str]:
    """What the self-test of the arithmetic finds: operations whose bytes are not as recorded."""
    from camchex.check.arithmetic import self_test

    test = self_test()
    found = [f"arithmetic: {name} gives other bytes than recorded" for name in test.differs]
    return [*found, f"arithmetic: {test.advice}"] if found else []


def other_versions(pins: str) -> list[str]:
    """Installed packages whose version is not the pinned one; builds of a version count as equal.

    Args:
        pins: ``name==version`` a line; other lines, and packages that are not here, are left alone.
    """
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for line in pins.splitlines():
        name, _, pinned = line.partition("#")[0].partition(";")[0].strip().partition("==")
        try:
            installed = version(name) if pinned else ""
        except PackageNotFoundError:
            continue
        if installed.partition("+")[0] != pinned.partition("+")[0]:
            found.append(f"{name}: {installed}, not {pinned} as recorded")
    return found


def _other_runtime(recorded: "RuntimeParams", here: "RuntimeParams") -> list[str]:
    from camchex.runs.devices import device_of

    pairs = {key: (getattr(recorded, key), getattr(here, key)) for key in DECIDING}
    found = [
        f"runtime.{key}: {now}, not {then} as recorded"
        for key, (then, now) in pairs.items()
        if now != then
    ]
    if not here.portable:
        found.append("runtime.portable is false: digits are those of this machine")
    device = device_of(here).type
    if device != "cpu":
        found.append(f"runtime.accelerator: trainings run on {device} here")
    return found
