"""Progress bars of long work; silent where standard error is no terminal."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` behind a progress bar on standard error."""
    console = Console(stderr=True)
    yield from track(
        items, description, total=total, console=console, disable=not console.is_terminal
    )
