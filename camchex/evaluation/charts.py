"""Line charts as inline SVG: equal lines give equal bytes, and nothing is fetched to show them."""

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

Line = Sequence[tuple[float, float]]
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
SMALL, LARGE = (2.5, 1.9), (4.4, 3.0)  # inches


def line_chart(
    lines: Mapping[str, Line],
    title: str,
    labels: tuple[str, str],
    size: tuple[float, float] = LARGE,
    limits: tuple[float, float] | None = None,
) -> str:
    """Draw lines into one chart.

    Args:
        lines: Points by name; a single line gets no legend.
        title: Above the chart.
        labels: Of the x and the y axis.
        size: Width and height in inches.
        limits: Of the y axis; None: as the lines need.

    Returns:
        An ``<svg>`` element that scales with the page.
    """
    with mpl.rc_context({**STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        for name, points in lines.items():
            marker = "." if len(points) == 1 else ""  # a line of one point is not seen
            axes.plot(*zip(*points, strict=True), label=name, marker=marker)
        axes.set_title(title, fontsize=8)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        if limits:
            axes.set_ylim(*limits)
        if len(lines) > 1:
            axes.legend(fontsize=8, frameon=False)
        buffer = io.StringIO()
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    drawn = buffer.getvalue()
    return f'<figure class="chart">{drawn[drawn.index("<svg") :]}</figure>'
