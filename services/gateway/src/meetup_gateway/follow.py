"""What is followed: groups, networks, searches and calendars."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FollowedGroup:
    """A group, by its name in addresses or by its id. ``private``: even if only members see it."""

    urlname: str = ""
    id: str = ""
    private: bool = False

    @property
    def name(self) -> str:
        """The line of the follow list that it is."""
        return f"group:{self.id or self.urlname}"


@dataclass(frozen=True, slots=True)
class Search:
    """A place, or a topic there: groups that a search finds, at most ``cap``."""

    query: str
    lat: float
    lon: float
    radius: float
    cap: int

    @property
    def name(self) -> str:
        """The line of the follow list that it is."""
        return f"search:{self.query}:{self.lat:g}:{self.lon:g}:{self.radius:g}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A group that is read by its public calendar, because its organiser agreed."""

    id: int
    urlname: str


@dataclass(frozen=True, slots=True)
class Follow:
    """All of it."""

    groups: tuple[FollowedGroup, ...] = ()
    networks: tuple[str, ...] = ()
    searches: tuple[Search, ...] = ()
    calendars: tuple[Calendar, ...] = ()

    @property
    def asks_the_api(self) -> bool:
        """Whether anything needs the API, and so credentials."""
        return bool(self.groups or self.networks or self.searches)
