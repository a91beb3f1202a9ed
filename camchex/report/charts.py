"""Charts as inline SVG: equal data give equal bytes, and nothing is fetched to show them.

Texts are shown as they are: a class name may hold a ``$``, which would begin a formula, or begin
with ``_``, which would keep it out of the legend. Lines differ in colour, dash and marker, in a
palette that colour-blind readers can tell apart (Okabe and Ito, "Color Universal Design", 2008).
Greys and texts follow the page, which may be dark. No two elements of a page share an id.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from cycler import cycler
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

Line = Sequence[tuple[float, float]]
Band = Sequence[tuple[float, float, float]]
"""Place, low and high."""
AXIS, GRID = "#6d7681", "#e3e6ea"
BLUE = "#0072b2"
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, and in the reader's own font
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "axes.edgecolor": AXIS,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": "black",  # which the page replaces by the colour of its own text
    "ytick.labelcolor": "black",
    "lines.markersize": 4,
    "axes.prop_cycle": (
        cycler(color=[BLUE, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", AXIS])
        + cycler(linestyle=["-", "--", "-.", ":", "-", "--", "-."])
        + cycler(marker=["o", "s", "^", "D", "v", "P", "X"])
    ),
}
LETTERS, ROOM = 70, 8  # of the legend: that a row holds, and that a mark and its gaps take
FEW = 8  # points, each of which has a marker
SMALL, LARGE = (2.1, 1.6), (4.4, 3.0)  # inches
MARGINS = {"left": 0.3, "right": 0.91, "bottom": 0.29, "top": 0.96}
"""Of a small chart, of which there are many: to measure its texts takes longer than to draw it."""


def line_chart(  # noqa: PLR0913 - what is drawn, and how
    lines: Mapping[str, Line],
    title: str,
    labels: tuple[str, str],
    size: tuple[float, float] = LARGE,
    limits: tuple[float, float] | None = None,
    *,
    diagonal: bool = False,
    bands: Mapping[str, Band] = MappingProxyType({}),
) -> Markup:
    """Draw lines into one chart.

    Args:
        lines: Points by name; a single line gets no legend.
        title: Caption of the chart.
        labels: Labels of the x and the y axis.
        size: Width and height in inches.
        limits: Limits of the y axis; None: as the lines need.
        diagonal: Whether y = x is drawn too.
        bands: Intervals of lines, by name, in the line's colour. With bands, a line of one point
            has the colour of the line before.

    Returns:
        An ``<svg>`` element that scales with the page.
    """
    with _figure(title, size) as (figure, axes):
        drawn = _draw(axes, lines, bands)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        if limits:
            axes.set_ylim(*limits)
        if diagonal:
            axes.axline((0, 0), slope=1, color=AXIS, linestyle=":", linewidth=1)
            axes.set(xlim=(0, 1))
        whole = all(x == int(x) for points in lines.values() for x, _ in points)
        places = 2 if size == SMALL else 6
        axes.xaxis.set_major_locator(MaxNLocator(places, integer=whole))
        axes.yaxis.set_major_locator(MaxNLocator(places))
        if len(lines) > 1:
            columns = max(1, min(len(lines), LETTERS // (ROOM + max(map(len, lines)))))
            figure.legend(  # below, where it hides no line
                drawn,
                [_in_legend(name) for name in lines],
                loc="outside lower center",
                ncols=columns,
                fontsize=8,
                frameon=False,
            )
        return _svg(figure, title)


def _draw(axes: Axes, lines: Mapping[str, Line], bands: Mapping[str, Band]) -> list[Line2D]:
    """Draw lines with their bands, each line in the next style, a dot beside the line before."""
    drawn: list[Line2D] = []
    for name, points in lines.items():
        style: dict[str, Any] = {"markevery": None if len(points) <= FEW else 0.25}
        if len(lines) == 1 and len(points) > FEW:
            style["marker"] = ""
        if bands and len(points) == 1 and drawn:
            colour = drawn[-1].get_color()
            style |= {"color": colour, "marker": "*", "linestyle": "", "markersize": 8}
        drawn += axes.plot(*zip(*points, strict=True), **style)
        if band := bands.get(name):
            x, low, high = zip(*band, strict=True)
            colour = drawn[-1].get_color()
            axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
    return drawn


def interval_chart(
    rows: Sequence[tuple[str, float, Sequence[float] | None]],
    title: str,
    label: str,
    reference: float | None = None,
) -> Markup:
    """Draw a dot for each row, one below another, with its interval.

    Args:
        rows: Name, value and interval (None: not known), from top to bottom.
        title: Caption of the chart.
        label: Label of the x axis.
        reference: Where a vertical line stands; None: nowhere.

    Returns:
        An ``<svg>`` element that scales with the page.
    """
    with _figure(title, (LARGE[0], 0.8 + 0.24 * len(rows))) as (figure, axes):
        for place, (_, value, ends) in enumerate(rows):
            if ends is not None:
                axes.plot(ends, (place, place), color=BLUE, linestyle="-", marker="|", linewidth=2)
            axes.plot(value, place, color=BLUE, linestyle="", marker="o", markersize=5)
        if reference is not None:
            axes.axvline(reference, color=AXIS, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.tick_params(axis="x", labelsize=8)
        axes.set(xlabel=label)
        return _svg(figure, title)


def _in_legend(name: str) -> str:
    """A name that the legend does not leave out: a space, which is not drawn, before _."""
    return f" {name}" if name.startswith("_") else name


@contextmanager
def _figure(title: str, size: tuple[float, float]) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context({**STYLE, "svg.hashsalt": title}):
        figure = Figure(size, dpi=72)  # that of an SVG
        if size == SMALL:
            figure.subplots_adjust(**MARGINS)
        else:
            figure.set_layout_engine("constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure, title: str) -> Markup:
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        figure.set_layout_engine(None)  # with one, all would be drawn twice
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    drawn = buffer.getvalue()
    drawn = re.sub(r"<style.*?</style>", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)  # nothing refers to a group
    own = hashlib.sha256(f"{title}{drawn}".encode()).hexdigest()[:8]
    drawn = re.sub(r'(?<= id=")|(?<=href="#)|(?<=url\(#)', f"{own}-", drawn)
    for name, colour in {"axis": AXIS, "grid": GRID}.items():
        drawn = drawn.replace(colour, f"var(--{name}, {colour})")
    head, _, rest = drawn.partition(">")
    svg = Markup(f'{head} role="img"><title>{escape(title)}</title>{rest}')  # noqa: S704 - escaped
    return Markup('<figure class="chart">{}<figcaption>{}</figcaption></figure>').format(svg, title)
