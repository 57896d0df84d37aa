"""The open connections of a server: how many there may be, and which is closed when one too many comes.

A connection on which nothing is being worked on is closed before a new one is turned away, the one that has been so for
longest first. So a few hundred idle or slow connections cost a good client nothing: it sends its request at once.
"""

from enum import Enum, auto
from typing import Final, Protocol


class Phase(Enum):
    """What a connection is waiting for. In the order in which connections are given up."""

    LINGERING = auto()
    """Answered and to be closed; what its client still sends is thrown away."""
    IDLE = auto()
    """The next request."""
    HEAD = auto()
    """The end of a request's head."""
    WRITING = auto()
    """The client, to take its answer."""
    BODY = auto()
    """The end of a request's body."""
    WORKING = auto()
    """Ourselves; never given up."""


class Open(Protocol):
    """A connection, as much of it as this needs."""

    def give_up(self) -> None:
        """Close at once."""


_RESERVE: Final = 16
"""Connections beyond the limit while every other is worked on: a probe's is among those."""


class Connections:
    """For the thread of the event loop alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_phase: dict[Phase, dict[Open, None]] = {phase: {} for phase in Phase}
        self._phases: dict[Open, Phase] = {}
        self.given_up = 0
        """How many had to go."""

    def __len__(self) -> int:
        return len(self._phases)

    def admit(self, connection: Open, phase: Phase) -> bool:
        """Take a new one in, another given up for it if need be; false if there is no room at all."""
        if len(self) >= self._limit and not self.give_up_one() and len(self) >= self._limit + _RESERVE:
            return False
        self.move(connection, phase)
        return True

    def move(self, connection: Open, phase: Phase) -> None:
        """The connection waits for something else from now on."""
        self.remove(connection)
        self._phases[connection] = phase
        self._by_phase[phase][connection] = None

    def remove(self, connection: Open) -> None:
        """The connection is closed; nothing, if that is known."""
        if (phase := self._phases.pop(connection, None)) is not None:
            del self._by_phase[phase][connection]

    def give_up_one(self) -> bool:
        """Close the one that is missed least; false if all are worked on."""
        for phase in list(Phase)[:-1]:
            for connection in self._by_phase[phase]:
                self.remove(connection)
                connection.give_up()
                self.given_up += 1
                return True
        return False

    def waiting(self) -> list[Open]:
        """Those on which no request has begun."""
        return [*self._by_phase[Phase.IDLE], *self._by_phase[Phase.HEAD], *self._by_phase[Phase.LINGERING]]
