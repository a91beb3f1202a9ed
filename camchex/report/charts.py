"""Charts as inline SVG: equal data give equal bytes, and nothing is fetched to show them."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import matplotlib as mpl
from cycler import cycler
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

Line = Sequence[tuple[float, float]]
Band = Sequence[tuple[float, float, float]]
"""Place, low and high."""
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, and in the reader's own font
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.edgecolor": "#8a939e",
    "axes.prop_cycle": cycler(
        color=["#1b6ca8", "#d1495b", "#3a7d44", "#8e6c8a", "#c77d0a", "#40798c", "#6b6b6b"]
    ),
}
BLUE, GREY = "#1b6ca8", "#8a939e"
SMALL, LARGE = (2.5, 1.9), (4.4, 3.0)  # inches


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
        title: Text above the chart.
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
        for name, points in lines.items():
            alone = len(points) == 1  # a line of one point is not seen
            colour = axes.lines[-1].get_color() if bands and alone and axes.lines else None
            x_y = zip(*points, strict=True)
            (line,) = axes.plot(
                *x_y, label=name, marker="o" if colour else "." * alone, color=colour
            )
            if band := bands.get(name):
                x, low, high = zip(*band, strict=True)
                axes.fill_between(x, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        if limits:
            axes.set_ylim(*limits)
        if diagonal:
            axes.axline((0, 0), slope=1, color=GREY, linestyle=":", linewidth=1)
            axes.set(xlim=(0, 1))
        if len(lines) > 1:
            axes.legend(fontsize=8, frameon=False)
        return _svg(figure)


def interval_chart(
    rows: Sequence[tuple[str, float, Sequence[float] | None]],
    title: str,
    label: str,
    reference: float | None = None,
) -> Markup:
    """Draw a dot for each row, one below another, with its interval.

    Args:
        rows: Name, value and interval (None: not known), from top to bottom.
        title: Text above the chart.
        label: Label of the x axis.
        reference: Where a vertical line stands; None: nowhere.

    Returns:
        An ``<svg>`` element that scales with the page.
    """
    with _figure(title, (LARGE[0], 0.8 + 0.24 * len(rows))) as (figure, axes):
        for place, (_, value, ends) in enumerate(rows):
            if ends is not None:
                axes.plot(ends, (place, place), color=BLUE, linewidth=2)
            axes.plot(value, place, "o", color=BLUE, markersize=5)
        if reference is not None:
            axes.axvline(reference, color=GREY, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set(xlabel=label)
        return _svg(figure)


@contextmanager
def _figure(title: str, size: tuple[float, float]) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context({**STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        figure.suptitle(title, fontsize=8)  # of the figure: an axis beside long names is narrow
        yield figure, axes


def _svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    drawn = buffer.getvalue()
    svg = Markup(drawn[drawn.index("<svg") :])  # noqa: S704 - matplotlib escapes the texts
    return Markup('<figure class="chart">{}</figure>').format(svg)
