"""Seconds and memory of stages at a sixteenth, a quarter and all of MIMIC-CXR's size.

Each size is a rehearsal (``rehearsal.py``), which is made first where there is none; stages that
train are left out. What a stage takes at any size falls out of the differences: from a quarter to
all, against from a sixteenth to a quarter. The first is 4 times the second if a stage is linear,
4.5 times if it grows as n log n, 16 times if it is quadratic. Seconds are of the processor, which
other work on the machine changes less. Run it as ``python benchmarks/linearity.py``; it writes a
table, and a plot into docs/.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from record import RESULTS, show, write
from rehearsal import DEMO, Json, Rehearsal, rehearse

from ablations.cohorts import PROJECT
from camchex.cohort.published import COUNTS

SCALES = (Fraction(1, 16), Fraction(1, 4), Fraction(1))
MEASURES: Mapping[str, tuple[str, float]] = {"cpu_seconds": ("s", 2.0), "peak_mb": ("MB", 50.0)}
"""Of each figure its unit, and the least difference of two sizes that says anything."""
NOISE = 1.5  # by which a ratio of two differences may be off
SHOWN = 8  # lines of the plot: the stages that take most


@dataclass(frozen=True)
class Growth:
    """How one figure of one stage grows.

    Attributes:
        stage: Its name.
        unit: Of the figure.
        values: One for each size, ascending.
        ratio: The last difference by the one before; None: too small to tell.
        most: What n log n gives.
        within: Whether it grows no faster than that, give or take ``NOISE``.
    """

    stage: str
    unit: str
    values: tuple[float, ...]
    ratio: float | None
    most: float
    within: bool


def growth(stage: str, sizes: Sequence[int], values: Sequence[float], figure: str) -> Growth:
    """Compare the last three sizes.

    Args:
        stage: Its name.
        sizes: Rows, ascending, three at least.
        values: Seconds or megabytes, (N,).
        figure: A key of ``MEASURES``.
    """
    unit, least = MEASURES[figure]
    a, b, c = values[-3:]
    x, y, z = (n * math.log(n) for n in sizes[-3:])
    most = (z - y) / (y - x)
    told = c - b > least
    ratio = (c - b) / max(b - a, least / 4) if told else None
    within = ratio is None or ratio <= NOISE * most
    return Growth(stage, unit, tuple(values), ratio, most, within)


def trains(stage: str) -> bool:
    """Whether a stage trains a network of the study: its steps are a parameter."""
    return stage.startswith(("train_", "finetune_"))


def compare(results: Mapping[int, Json]) -> list[Growth]:
    """All stages and figures of several rehearsals.

    Args:
        results: Rehearsals by their number of images, ascending.
    """
    by_size = [{one["stage"]: one for one in result["stages"]} for result in results.values()]
    stages = [one for one in by_size[-1] if all(one in found for found in by_size)]
    sizes = list(results)
    return [
        growth(stage, sizes, [found[stage][figure] for found in by_size], figure)
        for figure in MEASURES
        for stage in stages
        if not trains(stage)
    ]


def table(found: Sequence[Growth], scales: Sequence[Fraction]) -> str:
    """All figures as Markdown."""
    lines = [
        f"| stage | {' | '.join(map(str, scales))} | | growth | n log n |",
        "|---" * (len(scales) + 4) + "|",
    ]
    for one in found:
        values = " | ".join(f"{value:.1f}" for value in one.values)
        ratio = "-" if one.ratio is None else f"{one.ratio:.1f}"
        mark = "" if one.within else " **faster**"
        lines.append(f"| {one.stage} | {values} | {one.unit} | {ratio}{mark} | {one.most:.1f} |")
    return "\n".join(lines) + "\n"


def plot(found: Sequence[Growth], sizes: Sequence[int], path: Path) -> None:
    """Draw the stages that take most, in both figures, beside a line that is n log n."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots(1, len(MEASURES))
    for axis, (unit, _) in zip(axes, MEASURES.values(), strict=True):
        _draw(axis, [one for one in found if one.unit == unit], sizes, unit)
    with mpl.rc_context({"svg.hashsalt": "linearity", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _draw(axis: Axes, found: Sequence[Growth], sizes: Sequence[int], unit: str) -> None:
    largest = sorted(found, key=lambda one: one.values[-1], reverse=True)[:SHOWN]
    for one in largest:
        axis.plot(sizes, one.values, marker="o", markersize=3, linewidth=1, label=one.stage)
    top, last = largest[0].values[-1], sizes[-1] * math.log(sizes[-1])
    reference = [top * n * math.log(n) / last for n in sizes]
    axis.plot(sizes, reference, color="grey", linestyle=":", label="n log n")
    axis.set(xscale="log", yscale="log", xlabel="images of MIMIC-CXR", ylabel=unit)
    axis.legend(fontsize=6, frameon=False)


def rehearsed(asked: argparse.Namespace) -> dict[int, Json]:
    """The rehearsal of each size, by its number of images; made where there is none."""
    found = {}
    for scale in sorted(asked.scales):
        rehearsal = Rehearsal(asked.workdir, scale, asked.demo)
        if not rehearsal.result.exists():
            began = time.monotonic()
            rehearse(rehearsal)
            print(f"{scale}: {time.monotonic() - began:.0f} s", flush=True)
        images = round(COUNTS["metadata"]["images"] * scale)
        found[images] = json.loads(rehearsal.result.read_text())
    return found


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scales", type=Fraction, nargs="+", default=SCALES, help="three or more")
    parser.add_argument("--workdir", type=Path, default=PROJECT / ".camchex/rehearsal")
    parser.add_argument("--demo", type=Path, default=DEMO, help="the raw tree that is copied")
    parser.add_argument("--out", type=Path, default=RESULTS / "linearity.json", help="the JSON")
    parser.add_argument("--page", type=Path, help="into which the table goes")
    parser.add_argument("--plot", type=Path, default=PROJECT / "docs/linearity.svg")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Rehearse what is missing, compare, and write table and plot."""
    asked = arguments(words)
    results = rehearsed(asked)
    found = compare(results)
    scales = [Fraction(result["scale"]) for result in results.values()]
    write(asked.out, {"images": list(results), "stages": [asdict(one) for one in found]})
    plot(found, list(results), asked.plot)
    shown = table(found, scales)
    if asked.page:
        show(asked.page, "linearity", shown)
    print(shown)


if __name__ == "__main__":
    main()
