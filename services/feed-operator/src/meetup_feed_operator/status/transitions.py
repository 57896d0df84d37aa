"""Which event a change of a feed's conditions is. No I/O."""

from collections.abc import Mapping
from typing import Any

from meetup_feed_operator.kubernetes.events import Event
from meetup_feed_operator.status.conditions import condition_of


def transition(before: Mapping[str, Any], after: Mapping[str, Any]) -> Event | None:
    """What turned for the better or the worse, if anything did."""
    ready, was_ready = condition_of(after, "Ready"), condition_of(before, "Ready")
    degraded, was_degraded = condition_of(after, "Degraded"), condition_of(before, "Degraded")
    about = f"{was_ready.get('lastTransitionTime')} {was_degraded.get('lastTransitionTime')}"
    if degraded["status"] == "True" and degraded["reason"] != was_degraded.get("reason"):
        return Event(degraded["reason"], degraded["message"], about, warning=True)
    if ready["reason"] == "Paused" and was_ready.get("reason") != "Paused":
        return Event("Paused", ready["message"], about)
    if ready["status"] == "True" and was_ready.get("status") != "True":
        return Event("Ready", ready["message"], about)
    if ready["status"] == "False" and was_ready.get("status") == "True":
        return Event("NotReady", f"{ready['reason']}: {ready['message']}", about, warning=True)
    return None
