"""Fair shares of one queue: the ids of each client are dealt into rounds, and rounds are served in order.

A client that sends 160,000 ids at once fills 3,200 rounds; another that then sends ten has them in the round that is
being served (start-time fair queueing, with the round as the virtual time). The round is part of the number that the
queue is ordered by, so it needs no other index. No I/O.

What is remembered of the clients is this process's: after a restart a client may have one share more until the ids
from before it are served.
"""

import threading
from dataclasses import dataclass
from typing import Final

NEW: Final = 0
"""The class of an id that has no profile."""
REFRESH: Final = 1
"""The class of an id whose profile, or whose being missing, is out of date. New ids go first."""
ROUND_IDS: Final = 50
"""Ids of one client in one round: a batch of 200 holds those of four clients, and a client of a few ids waits for at
most so many of each other one."""
MAX_CLIENTS: Final = 1024
"""Clients with ids waiting that are told apart, more than a cluster has feeds; any further ones share one share, so
that invented names cost no memory."""
SHARED: Final = "(others)"
"""Parentheses are not allowed in a client's name."""
_ROUNDS: Final = 1 << 40
"""A class and a round in one number: the fraction counts rounds, exactly, in the 52 bits that a float has for it."""


def order_of(priority: int, round_number: int) -> float:
    """The number that the queue is ordered by: the class, and within it the round."""
    return priority + min(round_number, _ROUNDS - 1) / _ROUNDS


def place_of(order: float) -> tuple[int, int]:
    """The class and the round."""
    priority = int(order)
    return priority, int((order - priority) * _ROUNDS)


@dataclass(slots=True)
class _Share:
    """Where the client's next id goes: into this round, in which it has so many already."""

    round_number: int
    used: int = 0


class FairShares:
    """Deals ids into rounds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: dict[int, int] = {}
        self._shares: dict[int, dict[str, _Share]] = {NEW: {}, REFRESH: {}}

    @property
    def knows_head(self) -> bool:
        """Whether ``served`` has ever been told."""
        with self._lock:
            return bool(self._heads)

    def served(self, head: float | None) -> None:
        """The order of the entry that is served next; ``None`` if none is due."""
        priority, round_number = place_of(head) if head is not None else (REFRESH + 1, 0)
        with self._lock:
            for each in (NEW, REFRESH):
                if each < priority:
                    self._shares[each].clear()  # nothing of that class waits
                    self._heads[each] = 0
                elif each == priority:  # never back: an entry that was put off and is due again is an old one
                    self._heads[each] = max(round_number, self._heads.get(each, 0))
                else:
                    self._heads.setdefault(each, 0)

    def places(self, priority: int, client: str, count: int, *, after: int = 0) -> list[float]:
        """The orders of the client's next ``count`` ids of that class, after so many others; taken only by ``take``."""
        with self._lock:
            share = self._share(priority, client)
            rounds = [(share.used + after + n) // ROUND_IDS for n in range(count)]
            orders = {n: order_of(priority, share.round_number + n) for n in set(rounds)}
            return [orders[n] for n in rounds]

    def take(self, priority: int, client: str, count: int) -> None:
        """So many ids of the client have been queued at the places that it was given."""
        if not count:
            return
        with self._lock:
            name, share = self._name(priority, client), self._share(priority, client)
            rounds, used = divmod(share.used + count, ROUND_IDS)
            self._shares[priority][name] = _Share(share.round_number + rounds, used)

    def _share(self, priority: int, client: str) -> _Share:
        head = self._heads.get(priority, 0)
        share = self._shares[priority].get(self._name(priority, client))
        return share if share and share.round_number >= head else _Share(head)

    def _name(self, priority: int, client: str) -> str:
        shares = self._shares[priority]
        if client in shares:
            return client
        if len(shares) >= MAX_CLIENTS:
            self._forget_served(priority)
        return client if len(shares) < MAX_CLIENTS else SHARED

    def _forget_served(self, priority: int) -> None:
        """A client whose ids have all been served is as one that was never here."""
        head, shares = self._heads.get(priority, 0), self._shares[priority]
        for client in [client for client, share in shares.items() if share.round_number < head]:
            del shares[client]
