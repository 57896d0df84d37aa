"""Whom a feed's pod may reach, judged as a network plug-in judges a policy."""

import ipaddress
from typing import Any

import pytest
from meetup_feed_operator.resources.meetupfeed import InvalidFeed, read_feed
from meetup_feed_operator.resources.network_policy import network_policy
from meetup_feed_operator.settings import OperatorSettings

PUBLIC = ("203.0.113.7", "2001:db8::7")
PRIVATE = (
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.1.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "0.0.0.0",
    "::1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "fd20:ce::254",
)


def egress(url: str | None = None, **settings: str) -> list[dict[str, Any]]:
    needed = {"NAMESPACE": "n", "IMAGE": "stream:1", "BUCKET": "records"}
    read = OperatorSettings.from_environ({f"FEED_OPERATOR_{k}": v for k, v in (needed | settings).items()})
    spec = {"feed": "rsvps", **({"url": url} if url else {})}
    feed = read_feed({"metadata": {"name": "f", "namespace": "team", "uid": "u"}, "spec": spec})
    rules: list[dict[str, Any]] = network_policy(feed, read)["spec"]["egress"]
    return rules


def reaches(rules: list[dict[str, Any]], address: str, port: int, protocol: str = "TCP") -> bool:
    """Whether a rule lets the pod reach an address that is no pod's."""
    where = ipaddress.ip_address(address)
    for rule in rules:
        ports = [(each["protocol"], each["port"]) for each in rule["ports"]]
        if (protocol, port) not in ports:
            continue
        for peer in rule.get("to", [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]):
            block = peer.get("ipBlock")
            if not block or where not in ipaddress.ip_network(block["cidr"]):
                continue
            if not any(where in ipaddress.ip_network(cut) for cut in block.get("except", [])):
                return True
    return False


def pods(rules: list[dict[str, Any]], port: int) -> list[tuple[str, dict[str, str]]]:
    """Namespace and labels of the pods that are reached at the port."""
    return [
        (
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            peer["podSelector"].get("matchLabels", {}),
        )
        for rule in rules
        for peer in rule.get("to", [])
        if port in [each["port"] for each in rule["ports"]] and "podSelector" in peer
    ]


@pytest.mark.parametrize("port", [80, 443, 988, 53, 8080, 6443, 22])
@pytest.mark.parametrize("address", PRIVATE)
def test_the_port_of_a_feed_opens_nothing_private(address: str, port: int) -> None:
    rules = egress(f"https://streams.example:{port}/2/rsvps")
    assert all(reaches(rules, public, port) for public in PUBLIC)
    tokens = (address, port) in {("169.254.169.254", 80)}  # of Workload Identity, whatever the feed's port is
    assert reaches(rules, address, port) is tokens


def test_tokens_and_cloud_storage_are_reached_and_no_other_port_of_the_metadata_server() -> None:
    rules = egress()
    assert reaches(rules, "199.36.153.8", 443)
    assert reaches(rules, "169.254.169.254", 80)
    assert reaches(rules, "169.254.169.252", 988)
    for port in (443, 988, 8080, 53, 988):
        assert not reaches(rules, "169.254.169.254", port)
    assert not reaches(rules, "169.254.169.252", 80)


@pytest.mark.parametrize(
    "env", ['{"GOOGLE_APPLICATION_CREDENTIALS": "/k"}', '{"STORAGE_EMULATOR_HOST": "http://gcs:1"}']
)
def test_a_stream_with_keys_of_its_own_reaches_no_metadata_server(env: str) -> None:
    assert not reaches(egress("https://streams.example/"), "169.254.169.252", 80)
    for port in (80, 988):
        assert not reaches(egress(EXTRA_ENV=env), "169.254.169.252", port)
        assert not reaches(egress(EXTRA_ENV=env), "169.254.169.254", port)


def test_names_are_asked_of_the_clusters_dns_alone() -> None:
    rules = egress()
    assert pods(rules, 53) == [("kube-system", {"k8s-app": "kube-dns"})]
    assert reaches(rules, "169.254.20.10", 53, "UDP")
    for address in (*PRIVATE, *PUBLIC):
        assert not reaches(rules, address, 53, "UDP")
    assert reaches(egress(DNS_ADDRESSES="10.9.8.7, 169.254.169.254"), "10.9.8.7", 53, "UDP")


@pytest.mark.parametrize(
    ("url", "namespace"),
    [
        ("http://enricher:8080", "team"),
        ("http://enricher.meetup.svc:8080", "meetup"),
        ("http://enricher.meetup.svc.cluster.local.:8080", "meetup"),
    ],
)
def test_the_enricher_is_reached_by_its_name_and_its_port_opens_nothing_else(url: str, namespace: str) -> None:
    rules = egress(ENRICHER_URL=url)
    assert pods(rules, 8080) == [(namespace, {"app.kubernetes.io/component": "enricher"})]
    assert not any(reaches(rules, address, 8080) for address in (*PRIVATE, *PUBLIC))


def test_a_stand_in_within_the_cluster_is_reached_in_its_namespace_alone() -> None:
    rules = egress("http://simulator.dev.svc:8700/2/rsvps")
    assert pods(rules, 8700) == [("dev", {})]
    assert not any(reaches(rules, address, 8700) for address in (*PRIVATE, *PUBLIC))


def test_an_address_of_the_settings_is_reached_where_it_is_but_never_link_local() -> None:
    rules = egress(EXTRA_ENV='{"HTTPS_PROXY": "http://proxy.corp.example:3128"}')
    assert reaches(rules, "10.0.0.1", 3128)
    assert not reaches(rules, "169.254.169.254", 3128)
    assert not reaches(rules, "10.0.0.1", 443)
    single = egress(EXTRA_ENV='{"HTTPS_PROXY": "http://10.7.7.7:3128"}')
    assert reaches(single, "10.7.7.7", 3128)
    assert not reaches(single, "10.7.7.8", 3128)


def test_an_address_that_is_a_number_is_reached_alone_and_the_metadata_server_never() -> None:
    rules = egress("http://10.7.7.7:8080/2")
    assert reaches(rules, "10.7.7.7", 8080)
    assert not reaches(rules, "10.7.7.8", 8080)
    assert not reaches(egress("http://169.254.169.254:8080/"), "169.254.169.254", 8080)


def test_a_private_network_of_the_settings_is_reached_at_the_ports_of_the_feed() -> None:
    rules = egress("https://streams.example:8443/", EGRESS_CIDRS="10.20.0.0/16,fd00:1::/64")
    assert reaches(rules, "10.20.1.1", 8443)
    assert reaches(rules, "fd00:1::5", 443)
    assert not reaches(rules, "10.21.1.1", 8443)
    assert not reaches(rules, "10.20.1.1", 22)


@pytest.mark.parametrize("proxy", ["http://proxy:0", "http://proxy:99999", "http://[proxy", "http://proxy:x"])
def test_an_address_of_the_settings_that_is_none_is_refused_in_words(proxy: str) -> None:
    with pytest.raises(InvalidFeed, match="HTTPS_PROXY of its pod is no address"):
        egress(EXTRA_ENV=f'{{"HTTPS_PROXY": "{proxy}"}}')
