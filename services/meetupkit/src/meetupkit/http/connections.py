"""The open connections of a server: how many there may be, and which is closed when one too many comes.

A connection on which nothing is being worked on is closed before a new one is turned away, the one that has been so for
longest first. So a few hundred idle or slow connections cost a good client nothing: it sends its request at once.
"""

from enum import Enum, auto
from typing import Final, Protocol


class Phase(Enum):
    """What a connection is waiting for."""

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


_GIVEN_UP: Final = (
    frozenset({Phase.LINGERING}),
    frozenset({Phase.IDLE}),
    frozenset({Phase.HEAD, Phase.WRITING, Phase.BODY}),
)
"""In this order; of each, the one that has waited longest. The last three are one: a good client that has just come
is waited for too, and would have to go before all who hold back their bodies."""


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
        self._waiting: dict[frozenset[Phase], dict[Open, None]] = {phases: {} for phases in _GIVEN_UP}
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
        for phases, waiting in self._waiting.items():
            if phase in phases:
                waiting[connection] = None

    def remove(self, connection: Open) -> None:
        """The connection is closed; nothing, if that is known."""
        self._phases.pop(connection, None)
        for waiting in self._waiting.values():
            waiting.pop(connection, None)

    def give_up_one(self) -> bool:
        """Close the one that is missed least; false if all are worked on."""
        for waiting in self._waiting.values():
            if connection := next(iter(waiting), None):
                self.remove(connection)
                connection.give_up()
                self.given_up += 1
                return True
        return False

    def all(self) -> list[Open]:
        """Every one."""
        return list(self._phases)

    def waiting(self) -> list[Open]:
        """Those on which no request has begun."""
        without = (Phase.IDLE, Phase.HEAD, Phase.LINGERING)
        return [connection for connection, phase in self._phases.items() if phase in without]
