"""Profiles of followed groups, for ``/2/groups``."""

from collections.abc import Sequence
from typing import Any, Final

from meetup_gateway.durations import HOUR_MS
from meetup_gateway.observing.pages import read_page
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.places import commit_venues
from meetup_gateway.source.api import Found, Waiting
from meetup_gateway.source.budget import Share
from meetup_gateway.storage.state import Commit
from meetup_gateway.translating.records import group_profile
from meetup_gateway.translating.values import Untranslatable

AT_ONCE: Final = 20
_AGAIN_MS: Final = HOUR_MS
"""A profile that could not be read, or is not there: nobody waits for it, and others are to be read."""


class FollowedProfiles:
    """Keeps the profiles of followed groups young, with points that nothing urgent needs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tried: dict[str, int] = {}

    def work(self, now: int) -> float | None:
        """Read some that are old; seconds to wait if the points are out, ``None`` if there is nothing to do."""
        before = now - self._context.options.profile_age
        stale = [group.id for group in self._context.state.stale_profiles(before) if group.targets]
        some = [each for each in stale if now - self._tried.get(each, now - _AGAIN_MS) >= _AGAIN_MS][:AT_ONCE]
        if not some:
            return None
        waiting = read_profiles(self._context, some, Share.LIVE)
        self._tried.update((each, now) for each in some if each not in waiting)
        return max(waiting.values(), default=0.0)


def commit_profile(context: Context, commit: Commit, node: dict[str, Any], now: int) -> dict[str, Any] | None:
    """Keep a group's profile and its venues; the profile as it is told."""
    try:
        profile = group_profile(node, now).value
    except Untranslatable as error:
        context.quarantine("group", str(error))
        return None
    commit.profile_of_group(profile["id"], profile)
    commit_venues(context, commit, read_page(node, ("venues",), ()).nodes, now)
    return profile


def read_profiles(context: Context, ids: Sequence[str], share: Share) -> dict[str, float]:
    """Ask for these groups and keep what comes; those that the points do not suffice for, and the seconds to wait."""
    answers = context.api.ask("group", [{"id": group_id} for group_id in ids], share)
    now, waiting = context.now(), dict[str, float]()
    for group_id, answer in zip(ids, answers, strict=True):
        if isinstance(answer, Waiting):
            waiting[group_id] = answer.seconds
        elif isinstance(answer, Found):
            with context.state.commit(now) as commit:
                if isinstance(answer.value, dict):
                    commit_profile(context, commit, answer.value, now)
                else:
                    commit.absent_group(int(group_id))
            context.committed(commit, fresh=False)
    return waiting
