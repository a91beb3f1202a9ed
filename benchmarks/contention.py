"""Speed that a training keeps beside busy processes: with fixed arithmetic, and with torch's own.

A teacher of the demo's size takes steps alone, then beside two processes that compute without end,
on all cores of this machine. With fixed arithmetic (``camchex/contract/arithmetic.py``) it has one
thread. The baseline is torch as it comes: one OpenMP thread per core, which spin while they wait
for each other. Run it as ``python benchmarks/contention.py`` on an idle machine.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from record import Comparison, record

from camchex.contract import arithmetic

BUSY = 2  # processes beside the training
STEPS, REPEATS = 60, 3
FOREVER = "while True: pass"


def images_per_second() -> float:
    """Time the demo's teacher in this process, by the clock on the wall; the best of some turns."""
    import torch
    from contest import Run
    from layouts import image_contest

    from camchex.estimate.probe import Window
    from camchex.profiles.profiles import locate, validate_file

    params = validate_file(locate("demo"))
    batch = params.training.batch_size
    run = Run(params, torch.device("cpu"), batch, STEPS, REPEATS)
    ours = image_contest(run).ours
    windows = [Window(skip=5, steps=STEPS, clock=time.perf_counter) for _ in range(REPEATS)]
    return max(batch / ours(window).seconds_per_step for window in windows)


def in_process(environment: Mapping[str, str]) -> float:
    """Run :func:`images_per_second` in a process with an environment of its own."""
    command = [sys.executable, __file__, "--here"]
    done = subprocess.run(  # noqa: S603 - this file
        command, env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep some processes computing."""
    command = [sys.executable, "-c", FOREVER]
    started = [subprocess.Popen(command) for _ in range(count)]  # noqa: S603 - the line above
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def main() -> None:
    """Measure both arithmetics, alone and in company."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(arithmetic.LIBRARIES)}
    environments = {"fixed": arithmetic.pinned(os.environ), "torch's own": own}
    alone = {name: in_process(environment) for name, environment in environments.items()}
    with busy_processes(BUSY):
        beside = {name: in_process(environment) for name, environment in environments.items()}
    kept = {name: beside[name] / alone[name] for name in environments}
    fixed, others = kept.values()
    rows = [
        Comparison(
            *("share of its speed kept beside 2 busy processes", "share", fixed),
            *("torch's own threads", others, fixed / others),
        ),
        *(
            Comparison(
                *(f"teacher, {where}", "images/s", found["fixed"]),
                *("torch's own threads", found["torch's own"]),
                found["fixed"] / found["torch's own"],
            )
            for where, found in (("alone", alone), ("beside 2 busy processes", beside))
        ),
    ]
    record("contention", rows, {"busy processes": BUSY, "steps": STEPS, "turns": REPEATS})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="time in this process, print the rate")
    if parser.parse_args().here:
        print(images_per_second())
    else:
        main()
