"""docs/tutorial.md as a program reads it: commands in their order, and what each prints."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A command, and the block of its output that the page shows, if any."""

    command: str
    output: str


def steps() -> list[Step]:
    """List the commands of the page, each with the block that follows it."""
    found: list[Step] = []
    for language, text in BLOCK.findall(PAGE.read_text()):
        if language == "sh":
            found += [Step(line, "") for line in text.splitlines()]
        elif not language:
            found[-1] = Step(found[-1].command, text)
    return found
