"""What the operator may do in a cluster is what it needs."""

from pathlib import Path

import yaml
from meetup_feed_operator.kubernetes.kinds import FEED, POD, watched_kinds
from meetup_feed_operator.settings import Monitor, OperatorSettings

ROOM = Path(__file__).parents[1]


def test_the_rights_cover_what_is_watched_and_applied_and_nothing_by_a_star() -> None:
    rules = yaml.safe_load((ROOM / "rbac.yaml").read_text())["rules"]
    granted = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not any("*" in grant for grant in granted)
    assert not any(verb in {"deletecollection", "escalate", "bind"} for _, _, verb in granted)
    assert not any(resource == "secrets" for _, resource, _ in granted)
    made = set()
    for monitor in Monitor:
        env = {"FEED_OPERATOR_NAMESPACE": "n", "FEED_OPERATOR_IMAGE": "i", "FEED_OPERATOR_MONITOR": monitor.value}
        for kind in watched_kinds(OperatorSettings.from_environ(env)):
            assert {(kind.group, kind.plural, "list"), (kind.group, kind.plural, "watch")} <= granted
            made |= {(kind.group, kind.plural)} if kind not in (FEED, POD) else set()
    deletable = {(group, resource) for group, resource, verb in granted if verb == "delete"}
    assert deletable == made, "which may be deleted only so that their owner may be set"
