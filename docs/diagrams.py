"""Mermaid diagrams, drawn while the site is built: pages need no script and no network for them."""

import re
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import ClassVar

import mermaidx
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FOLDER = "_static/diagrams"
THEMES = {"only-light": "neutral", "only-dark": "dark"}
"""Theme of Mermaid by the class that the site shows in its light or dark mode."""
CONFIG = {"flowchart": {"htmlLabels": False}}
"""Labels as SVG texts, since not every browser shows HTML inside an image."""
LABEL = re.compile(r'\["?(.*?)"?\]')
SCALE = 0.7
"""Of the size that Mermaid chose: smaller texts cannot be read. A wide diagram scrolls."""
WIDTH = re.compile(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+)')


class Mermaid(SphinxDirective):
    """A block of Mermaid as two images, for light and dark."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Draw the diagram, and show the image of the mode."""
        source = "\n".join(self.content)
        name = sha256(source.encode()).hexdigest()[:12]
        folder = Path(self.env.app.outdir) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        up = "../" * self.env.docname.count("/")
        alt = escape("Diagram: " + described(source))
        images = []
        for mode, theme in THEMES.items():
            file = folder / f"{name}-{theme}.svg"
            svg = draw(source, theme)
            file.write_text(svg)
            width = round(float(WIDTH.findall(svg)[0]) * SCALE)
            images.append(
                f'<a class="{mode}" href="{up}{FOLDER}/{file.name}">'
                f'<img src="{up}{FOLDER}/{file.name}" alt="{alt}" width="{width}"></a>'
            )
        return [nodes.raw("", f'<div class="diagram">{"".join(images)}</div>', format="html")]


def draw(source: str, theme: str) -> str:
    """Draw a diagram as SVG.

    Raises:
        ValueError: If Mermaid cannot read the source.
    """
    svg: str = mermaidx.render(source, theme=theme, config=CONFIG).svg()
    if "<svg" not in svg or "Syntax error" in svg:
        raise ValueError(f"Mermaid cannot read this diagram:\n{source}")
    return svg


def described(source: str) -> str:
    """Name what the boxes of a flow chart say, for readers who do not see it."""
    texts = (found.strip('("').replace("<br>", ", ") for found in LABEL.findall(source))
    return "; ".join(dict.fromkeys(texts)) or source.partition("\n")[0]
