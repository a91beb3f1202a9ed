"""Parts of a stage's work, made by jobs side by side and joined by the stage itself."""

import re
from dataclasses import dataclass
from typing import Self

from camchex.errors import ParamsError

WRITTEN = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})", re.ASCII)


@dataclass(frozen=True)
class Part:
    """Part ``number`` of ``count``, from 1."""

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a part such as ``3/16``.

        Raises:
            ParamsError: If it is no such part.
        """
        found = WRITTEN.fullmatch(text)
        if not found or int(found[1]) > int(found[2]):
            raise ParamsError(f"--part {text}: expected a part such as 3/16, from 1/16 to 16/16")
        return cls(int(found[1]), int(found[2]))

    def of(self, total: int) -> range:
        """Which of ``total`` things belong to the part: every thing to one part, in order."""
        return range(total * (self.number - 1) // self.count, total * self.number // self.count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
