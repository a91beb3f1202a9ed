"""The templates of the page and of the cards, and the one way in which both write numbers."""

from typing import Any

from markupsafe import Markup, escape

from camchex.aggregates.templates import templates_of
from camchex.errors import counted

NONE = "–"  # noqa: RUF001 - the dash of an empty cell
CHANCE_AUROC = 0.5


def number(value: float | None, *, signed: bool = False, missing: str = NONE) -> str:
    """A score to three decimals, with its sign if ``signed``; ``missing`` in place of None."""
    return missing if value is None else f"{value:{'+' if signed else ''}.3f}"


def percent(share: float | None) -> str:
    """A share in per cent, to one decimal; None as a dash."""
    return NONE if share is None else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, to one decimal; None as a dash."""
    return NONE if difference is None else f"{100 * difference:.1f} points"


def cell(value: object) -> str:
    """Any value as text: thousands of a count are separated, None is a dash."""
    if value is None or isinstance(value, float):
        return number(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if whole else str(value)


def classes(count: int) -> str:
    """How many classes: ``1 class``, ``26 classes``."""
    return counted(count, "class", "classes")


def p_value(chance: float) -> str:
    """A p-value with its sign: ``p = 0.012``, ``p < 0.001``, which is not the same as 0."""
    return "p < 0.001" if chance < 0.001 else f"p = {chance:.3f}"  # noqa: PLR2004 - as it prints


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


ENVIRONMENT = templates_of("camchex.report")
ENVIRONMENT.filters |= {
    f.__name__: f for f in (number, percent, points, cell, classes, p_value, code_in)
}
ENVIRONMENT.globals |= {"CHANCE_AUROC": CHANCE_AUROC}
