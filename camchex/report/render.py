"""The templates of the page and of the cards, and the one way in which both write numbers."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

NONE = "–"  # noqa: RUF001 - the dash of an empty cell
CHANCE_AUROC = 0.5
SMALLEST_P = 0.001


def number(value: float | None, *, signed: bool = False, missing: str = NONE) -> str:
    """A score to three decimals, with its sign if ``signed``; ``missing`` in place of None."""
    return missing if value is None else f"{value:{'+' if signed else ''}.3f}"


def percent(share: float | None) -> str:
    """A share in per cent, to one decimal; None as a dash."""
    return NONE if share is None else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, to one decimal; None as a dash."""
    return NONE if difference is None else f"{100 * difference:.1f} points"


def p_value(p: float) -> str:
    """A p value to three decimals, with its sign: a small one is below .001, never 0."""
    return "< .001" if p < SMALLEST_P else f"= {p:.3f}"


def cell(value: object) -> str:
    """Any value as text: thousands of a count are separated, None is a dash."""
    if value is None or isinstance(value, float):
        return number(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if whole else str(value)


def code_in(text: str) -> Markup:
    """Text as HTML in which what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def render(template: str, **data: Any) -> Markup:  # noqa: ANN401 - whatever the template shows
    """Fill a template of ``templates/``; values are escaped where the template is HTML.

    Args:
        template: File name.
        data: Values by the names that the template uses.

    Raises:
        jinja2.UndefinedError: If the template shows a value that the data do not have.
    """
    # The parts of a page are HTML already; a card is Markdown, which needs no mark.
    return Markup(ENVIRONMENT.get_template(template).render(data))  # noqa: S704 - autoescaped


ENVIRONMENT = Environment(
    loader=PackageLoader("camchex.report"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters |= {f.__name__: f for f in (number, percent, points, p_value, cell, code_in)}
ENVIRONMENT.globals |= {"CHANCE_AUROC": CHANCE_AUROC}
