"""Two trainings side by side against the same two one after the other, on one thread each.

Every training of the pipeline uses one thread, so that its bytes do not depend on the machine; this
says what the second core is worth to ``make repro``. Both are the demo's fusion, by
``camchex.training.fit``, over ready batches in a process of their own; what they import and build
is not timed. Run it as ``python benchmarks/side_by_side.py`` with nothing else running.
"""

import argparse
import multiprocessing
import time
from multiprocessing.connection import Connection
from statistics import median

from record import Comparison, record

from camchex.contract import arithmetic

TRAININGS = 2


def train_when_told(orders: Connection, steps: int) -> None:
    """Train ``steps`` steps each time that something arrives, and answer when they are done."""
    import torch  # only the processes that train need it
    from contest import Run
    from layouts import ours_on, study_batches

    from camchex.estimate.random_networks import (
        untrained_camchex,
        untrained_classifier,
    )
    from camchex.profiles.profiles import locate, validate_file

    params = validate_file(locate("demo"))
    run = Run(params, torch.device("cpu"), params.fusion.training.batch_size, steps, repeats=1)
    classifier = untrained_classifier(params.encoder, params.labels.classes, params.images.size)
    model = untrained_camchex(params.fusion, params.text, classifier)
    timed = ours_on(run, model, study_batches(run, model), params.fusion.training)
    timed(run.window())
    orders.send("ready")
    while orders.recv():
        timed(run.window())
        orders.send("done")


def seconds_of(trainings: list[Connection]) -> float:
    """Wall time of trainings that begin together."""
    start = time.perf_counter()
    for training in trainings:
        training.send("train")
    for training in trainings:
        training.recv()
    return time.perf_counter() - start


def main() -> None:
    """Measure both in turns."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    arithmetic.pin()
    context = multiprocessing.get_context("spawn")
    trainings = []
    for _ in range(TRAININGS):
        ours, theirs = context.Pipe()
        context.Process(target=train_when_told, args=(theirs, asked.steps), daemon=True).start()
        trainings.append(ours)
    for training in trainings:
        training.recv()
    together, in_turn = [], []
    for _ in range(asked.repeats):
        together.append(seconds_of(trainings))
        in_turn.append(sum(seconds_of([training]) for training in trainings))
    for training in trainings:
        training.send(None)
    row = Comparison(
        "two trainings of the fusion, one thread each",
        "s",
        median(together),
        "one after the other",
        median(in_turn),
        median(in_turn) / median(together),
    )
    notes: dict[str, object] = {
        "steps of each": asked.steps,
        "range, side by side": f"{min(together):.2f} to {max(together):.2f} s",
        "range, one after the other": f"{min(in_turn):.2f} to {max(in_turn):.2f} s",
    }
    record("side_by_side", [row], notes)


if __name__ == "__main__":
    main()
