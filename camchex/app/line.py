"""The line of visitors in front of one model, which reads one study at a time."""

import asyncio

from camchex.errors import CamchexError

MOST_WAITING = 8  # studies that wait in memory


class BusyError(CamchexError):
    """Too many visitors wait."""


class Line:
    """Visitors in the order in which they came."""

    def __init__(self) -> None:
        self._tickets: list[object] = []
        self._moved = asyncio.Event()

    def join(self) -> object:
        """Stand at the end of the line.

        Returns:
            A ticket.

        Raises:
            BusyError: If the line is full.
        """
        if len(self._tickets) > MOST_WAITING:
            raise BusyError(f"{MOST_WAITING} studies are waiting already. Try again in a minute.")
        ticket = object()
        self._tickets.append(ticket)
        return ticket

    def before(self, ticket: object) -> int:
        """Number of visitors before the holder of a ticket; 0: it is the holder's turn."""
        return self._tickets.index(ticket)

    def leave(self, ticket: object) -> None:
        """Make room for those who wait."""
        self._tickets.remove(ticket)
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Wait until somebody has left."""
        await self._moved.wait()
