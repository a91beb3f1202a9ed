"""Pieces of HTML: escaped text, numbers, tables and bars."""

from collections.abc import Iterable, Sequence
from html import escape

from camchex.aggregates.results import Results

NONE = "–"  # noqa: RUF001 - the dash of an empty cell


def text(value: object) -> str:
    """Any value as escaped text; None as a dash."""
    if value is None:
        return NONE
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))


def number(value: float | None) -> str:
    """A score to three decimals; None as a dash."""
    return NONE if value is None else f"{value:.3f}"


def spread(score: Results) -> str:
    """Mean and, where there are several seeds, standard deviation."""
    if score["mean"] is None or score["sd"] is None:
        return number(score["mean"])
    return f'{number(score["mean"])} <span class="sd">± {score["sd"]:.3f}</span>'


def percent(share: float | None) -> str:
    """A share in per cent, to one decimal; None as a dash."""
    return NONE if share is None else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, to one decimal; None as a dash."""
    return NONE if difference is None else f"{100 * difference:.1f} points"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table whose first column names the row.

    Args:
        header: Plain text.
        rows: HTML.
        caption: HTML.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    title = f'<p class="caption">{caption}</p>' if caption else ""  # does not scroll with the table
    return (
        f'{title}<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def bounds(ends: Sequence[float] | None, *, signed: bool = False) -> str:
    """Low and high of an interval; nothing where there is none."""
    if ends is None:
        return ""
    low, high = (f"{end:+.3f}" if signed else number(end) for end in ends)
    return f'<span class="sd">({low} to {high})</span>'


def bar(value: float, mark: float | None, label: str, ends: Sequence[float] | None = None) -> str:
    """A bar from 0 to 1 with a label in HTML, a mark for comparison, and a whisker."""
    tick = "" if mark is None else f'<i style="left:{100 * mark:.1f}%"></i>'
    whisker = ""
    if ends is not None:
        low, high = ends
        whisker = f'<u style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></u>'
    return (
        f'<span class="bar"><b style="width:{100 * value:.1f}%"></b>{whisker}{tick}</span> '
        f'<span class="value">{label}</span>'
    )


def code(value: str) -> str:
    """A command, hash or name to be typed."""
    return f"<code>{escape(value)}</code>"


def with_code(value: str) -> str:
    """Escaped text in which what stands between backticks is code."""
    parts = value.split("`")
    return "".join(code(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def details(summary: str, content: str) -> str:
    """Content that is folded away until it is asked for."""
    return (
        f"<details><summary>{escape(summary)}</summary>"
        f'<div class="inside">{content}</div></details>'
    )


def paragraph(content: str) -> str:
    """A paragraph of HTML."""
    return f"<p>{content}</p>"
