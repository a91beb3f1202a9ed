"""What the build adds to the pages as GitHub shows them: generated references, navigation.

A page names what belongs into it by a comment: ``<!-- made by make docs: commands -->`` is replaced
by the text of ``commands.page``, and ``<!-- made by make docs: navigation -->`` by the table of
contents of the pages that the page links to, in this order.
"""

import re
from collections.abc import Callable
from pathlib import Path

import api
import commands
import parameters
from diagrams import Mermaid
from sphinx.application import Sphinx

MARK = re.compile(r"<!-- made by make docs: (\w+) -->")
LINK = re.compile(r"^- \[(.+?)\]\(([\w./]+)\.md\)", re.MULTILINE)
FOLDER_LINK = re.compile(r"\[([^\]]+)\]\(([\w./]+)\)")
MAKERS: dict[str, Callable[[str], str]] = {
    "api": lambda _: api.page(),
    "commands": lambda _: commands.page(),
    "parameters": lambda _: parameters.page(),
    "navigation": lambda page: navigation(page),  # noqa: PLW0108 - defined below
}
"""Text for each name that a comment may hold, from the page that holds it."""


def connect(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.add_directive("mermaid", Mermaid)
    app.connect("source-read", complete)
    app.connect("autodoc-process-docstring", keep_colons, priority=1)  # before napoleon


def complete(app: Sphinx, docname: str, content: list[str]) -> None:
    """Replace the comments of a page; a link to a folder, which only GitHub shows, becomes text."""
    folder = (Path(app.srcdir) / docname).parent
    page = FOLDER_LINK.sub(
        lambda link: link[1] if (folder / link[2]).is_dir() else link[0], content[0]
    )
    content[0] = MARK.sub(lambda mark: MAKERS[mark[1]](page), page)
    if not docname.startswith("docs/"):  # a page of another folder, reached by links alone
        content[0] = f"---\norphan: true\n---\n{content[0]}"


def keep_colons(_: Sphinx, what: str, *rest: object) -> None:
    """Keep napoleon from taking the words before the colon of a property for its type."""
    lines = rest[-1]  # of the docstring, changed in place
    if what == "property" and isinstance(lines, list) and lines:
        lines[0] = lines[0].replace(": ", " - ", 1)


def navigation(page: str) -> str:
    """Make a table of contents, not shown in the page, of the pages that its lists link to."""
    entries = (f"{title} <{name}>" for title, name in LINK.findall(page))
    return "\n".join(["```{toctree}", ":hidden:", "", *entries, "```"])
