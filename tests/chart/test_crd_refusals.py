"""A MeetupFeed that cannot work is refused by the API server, in a sentence that names the field."""

import random
import string
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meetupkit.urls import checked_http_url

from .crd_admission import SPEC, refusals, rules, sentences

ROW: Final = {"idField": "id", "timeField": "mtime"}
LABEL: Final = "a" * 63
HOST: Final = ".".join(["a" * 63] * 3 + ["a" * 61])

GOOD_URLS: Final = [
    *(
        "http://x",
        "https://x/",
        "http://x:1",
        "http://x:65535/2/rsvps",
        "https://a.b-c.d_e:443/x?y=1&z=%20",
        "http://x?y",
    ),
    *(
        "http://10.0.0.1:8080/2/rsvps",
        "http://x./",
        f"http://{LABEL}/",
        f"http://{HOST}/",
        "http://x/.well-known",
        "http://x/a..b",
    ),
    *(
        "http://simulator.meetup.svc.cluster.local:8080/2/rsvps?since_count=5",
        "http://x/2/open_venues?trickle",
        "http://x/;a=(1)*[2]!",
    ),
]
BAD_URLS: Final = {
    "url must not hold a user or password": [
        *(
            "http://u@x/",
            "http://u:PW@x/",
            "https://:PW@x",
            "http://@x",
            "http://u:p@p@x/",
            "http://u%40:p@x/",
            "http://a.b@x:80/",
        ),
    ],
    "url must name a host": [
        *(
            "http://",
            "http:///",
            "http://.",
            "http://..",
            "http://...",
            "http://.../2/rsvps",
            "http://a..b/",
            "http://.a/",
            "http://-a/",
        ),
        *(
            "http://a-/",
            "http://a.-b/",
            "http://a..",
            "http://:80/",
            "http://?x",
            "http://é/",
            "http://a b/",
            "http://[::1]/",
            "http://a,b/",
        ),
        *("http://a%2eb/", "http://a\\b/", "http://*/", "http://${HOST}/"),
    ],
    "url must name a port from 1 to 65535": [
        *(
            f"http://x:{port}"
            for port in ("0", "00", "080", "65536", "66000", "70000", "99999", "-1", "+1", "1e3", "a", "8o", "", " ")
        ),
        *("http://x:0/2/rsvps", "http://x:/2", "http://x:80:80/", "http://x:0?y", "http://x.y.z:65536/"),
    ],
    "the host of url may have 253 characters": [
        f"http://{'a' * 64}/",
        f"http://x.{'a' * 64}.y/",
        f"http://{HOST}b/",
        f"http://{HOST}.b:80/",
        "http://" + "a." * 130,
    ],
    "url must not hold . or .. as a part of its path": [
        *(
            "http://x/.",
            "http://x/..",
            "http://x/../",
            "http://x/a/../b",
            "http://x/a/./b",
            "http://x/a/..?y",
            "http://x/./",
        ),
    ],
    "url must be ASCII without white space": [
        *(f"http://x/{char}" for char in ' \t\n\r\x01\x1b\x7f"<>\\^`{|}é\u202e\u200b\U0001f600'),
        "http://x/#",
        "http://x/#y",
        "http://x/a b",
    ],
    "url must begin with https:// or http://": [
        "ftp://x",
        "x",
        "//x",
        "HTTP://x",
        "file:///etc/passwd",
        "gopher://x",
        "javascript:x",
    ],
}
GOOD_BUCKETS: Final = [
    *(
        "abc",
        "a-b",
        "a_b.c",
        "my-bucket/pre.fix/2026",
        "a1b/A",
        "bucket/" + "p" * 120,
        "b" * 63,
        "bucket/1/2/3/4/5/6/7/8",
    ),
    *("bucket/.hidden", "bucket/a..b", "bucket/...", "1.2.3.x"),
]
BAD_BUCKETS: Final = {
    "bucket must not hold . or .. as a part of it": [
        *("bucket/..", "bucket/.", "bucket/../up", "bucket/a/..", "bucket/a/../b", "bucket/./a", "bucket/a/b/c/.."),
    ],
    "bucket must begin with a bucket's name": [
        *(
            "gs://bucket",
            "Bucket",
            "-bucket",
            "bucket-",
            ".bucket",
            "bucket.",
            "_bucket",
            "b..t",
            "b...t",
            "bücket",
            "a b",
            "b/x",
            "b" * 64,
        ),
        *("/bucket", "bu:cket", "bucket:x/y", "s3://bucket/x", "bucket\n", "\x1b[31m"),
    ],
    "the prefix behind the bucket must be": [
        *(
            "bucket/",
            "bucket//a",
            "bucket/a/",
            "bucket/a b",
            "bucket/é",
            "bucket/a#b",
            "bucket/a?b",
            "bucket/%2e%2e",
            "bucket/a\\b",
        ),
        *("bucket/" + "p" * 121, "bucket/1/2/3/4/5/6/7/8/9", "bucket/\x1b", "bucket/a\nb", "bucket/*", "bucket/~"),
    ],
    "bucket must not have the form of an IP address": [
        "1.2.3.4",
        "10.0.0.1/prefix",
        "255.255.255.255",
        "999.999.999.999",
    ],
}
GOOD_LABELS: Final = ["a", "0", "rsvps-2026_v2", "a" * 63, "a-", "a_"]
BAD_LABELS: Final = [
    "",
    "A",
    "_rejected",
    "-a",
    "a/b",
    "..",
    ".",
    "a.b",
    "a b",
    "é",
    "a\n",
    "a\x01",
    "\u202ea",
    "a:b",
    "a*",
]
GOOD_FEEDS: Final = ["talks", "a", "a1_b", "a" * 63]
BAD_FEEDS: Final = ["", "1a", "_a", "A", "a-b", "a.b", "a b", "é", "a\n", "a/b"]
GOOD_PATHS: Final = ["id", "a.b", "A_1.b.c.d.e.f.g.h", "0", "a" * 64]
BAD_PATHS: Final = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "a b",
    "a-b",
    "a[0]",
    "é",
    "a\n",
    "$.a",
    "a.b.c.d.e.f.g.h.i",
    "a" * 65,
    "a/b",
    "*",
]
GOOD_CPU: Final[list[Any]] = ["100m", "1", "0.5", "2.25", 1, 2, "1m", "0.001", 64]
BAD_CPU: Final[list[Any]] = [
    *(
        "-1",
        "-100m",
        -1,
        -(10**9),
        0,
        "0",
        "0m",
        "0.0",
        "0.000",
        "00",
        "",
        "a lot",
        "1e3",
        "1E3",
        "1k",
        "1M",
        "1Gi",
        "1Mi",
        "+1",
    ),
    *(
        " 1",
        "1 ",
        "1.",
        ".5",
        "1.0000",
        "1,5",
        "½",
        "1u",
        "1n",
        "0x1",
        "1\n",
        "NaN",
        "Inf",
        10_000,
        10**12,
        "99999",
        "m",
        "1mm",
    ),
]
GOOD_MEMORY: Final[list[Any]] = [
    "96Mi",
    "256Mi",
    "1Gi",
    "1.5Gi",
    "100M",
    "1G",
    "65536Ki",
    "100000k",
    268_435_456,
    "268435456",
]
BAD_MEMORY: Final[list[Any]] = [
    *(
        "-1",
        "-1Mi",
        -1,
        0,
        "0",
        "0Mi",
        "0Gi",
        "0.0Mi",
        "00",
        "000Ki",
        "",
        "much",
        "1",
        1,
        1_000_000,
        "1000",
        "100m",
        "1e9",
        "1Ti",
    ),
    *(
        "1Pi",
        "1Ei",
        "1T",
        "1P",
        " 1Gi",
        "1Gi ",
        "1gi",
        "1GB",
        "1 Gi",
        "+1Gi",
        "1.Gi",
        ".5Gi",
        "1.2345Gi",
        "1\n",
        "NaN",
        "1Ki",
        "9k",
    ),
    *("0x10000000", "Gi", "1GiB", "1mi", "256", 256, "1Mi1Mi"),
]
DURATIONS: Final[list[Any]] = [4, 0, -1, 86_401, 10**9, 5.5, "30", "30s", None, True, [], {}]


def of_row(name: str, path: str) -> dict[str, Any]:
    value: Any = [path] if name.endswith("Fields") else path
    return {"feed": "talks", "url": "http://x", "row": {**ROW, name: value}}


def of_resources(where: str, name: str, quantity: Any) -> dict[str, Any]:
    return {"feed": "rsvps", "resources": {where: {name: quantity}}}


WHERE: Final = ("requests", "limits")
PATHS: Final = ("idField", "timeField", "memberIdFields", "groupIdFields")
GOOD: Final[list[dict[str, Any]]] = [
    *({"feed": "rsvps", "url": url} for url in GOOD_URLS),
    *({"feed": "rsvps", "bucket": bucket} for bucket in GOOD_BUCKETS),
    *({"feed": "rsvps", "label": label} for label in GOOD_LABELS),
    *({"feed": feed, "url": "http://x", "row": ROW} for feed in GOOD_FEEDS),
    *(of_row(name, path) for name in PATHS for path in GOOD_PATHS),
    *(of_resources(where, "cpu", quantity) for where in WHERE for quantity in GOOD_CPU),
    *(of_resources(where, "memory", quantity) for where in WHERE for quantity in GOOD_MEMORY),
    *({"feed": "rsvps", "readTimeoutSeconds": seconds} for seconds in (5, 60, 86_400)),
]
BAD: Final[list[tuple[dict[str, Any], str]]] = [
    *(({"feed": "rsvps", "url": url}, said) for said, urls in BAD_URLS.items() for url in urls),
    *(({"feed": "rsvps", "bucket": bucket}, said) for said, buckets in BAD_BUCKETS.items() for bucket in buckets),
    *(({"feed": "rsvps", "label": label}, "label must be at most 63") for label in BAD_LABELS),
    *(({"feed": feed, "url": "http://x", "row": ROW}, "feed must be at most 63") for feed in BAD_FEEDS),
    *((of_row(name, path), f"{name} must be at most 8 names") for name in PATHS for path in BAD_PATHS),
    *(
        (of_resources(where, "cpu", quantity), "cpu must be a quantity above 0")
        for where in WHERE
        for quantity in BAD_CPU
    ),
    *(
        (of_resources(where, "memory", each), "memory must be a quantity of 32Mi or more")
        for where in WHERE
        for each in BAD_MEMORY
    ),
]
TOO_LONG: Final[dict[str, Any]] = {
    "url": "http://x/" + "y" * 2040,
    "label": "a" * 64,
    "bucket": "bucket/" + "a/" * 300,
    "feed": "a" * 64,
}


@pytest.mark.parametrize("spec", GOOD, ids=repr)
def test_what_can_work_is_taken(spec: dict[str, Any]) -> None:
    assert refusals(spec) == []


@pytest.mark.parametrize(("spec", "said"), BAD, ids=repr)
def test_what_cannot_work_is_refused_in_a_sentence(spec: dict[str, Any], said: str) -> None:
    assert any(said in sentence for sentence in sentences(spec)), sentences(spec)


@pytest.mark.parametrize("field", TOO_LONG)
def test_what_is_too_long_is_refused_for_its_length(field: str) -> None:
    said = refusals({"feed": "rsvps", field: TOO_LONG[field]})
    assert any("too long" in sentence for sentence in said)
    for path in PATHS:
        assert any("too long" in sentence for sentence in refusals(of_row(path, "a." * 200 + "a")))


@pytest.mark.parametrize("seconds", DURATIONS, ids=repr)
def test_a_read_timeout_that_is_none_is_refused(seconds: Any) -> None:
    assert refusals({"feed": "rsvps", "readTimeoutSeconds": seconds})


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("quantity", [True, False, [], {}, 1.5, None, float("nan")])
def test_a_quantity_of_another_type_is_refused(where: str, quantity: Any) -> None:
    for name in ("cpu", "memory"):
        assert refusals(of_resources(where, name, quantity))


@pytest.mark.parametrize("name", PATHS[2:])
def test_one_wrong_path_of_many_is_refused(name: str) -> None:
    spec = of_row(name, "a")
    spec["row"][name] = ["a", "b.c", "d..e", "f"]
    assert any(f"each of {name}" in sentence for sentence in sentences(spec))


def test_every_rule_is_seen_to_refuse_something() -> None:
    rowless: list[dict[str, Any]] = [{"feed": "talks"}, {"feed": "rsvps", "row": ROW}, {"feed": "talks", "row": ROW}]
    said = {sentence for spec in [*rowless, *(spec for spec, _ in BAD)] for sentence in sentences(spec)}
    assert {message for _, message in rules()} - said == set()


def test_every_sentence_names_its_field_and_ends_without_a_stop() -> None:
    for _, message in rules():
        assert any(field in message for field in [*SPEC["properties"], *PATHS, "cpu", "memory"]), message
        assert not message.endswith(".")


@settings(deadline=None)  # a busy machine is not a mistake
@given(st.text(alphabet=string.printable + "é\u202e", max_size=40))
def test_no_text_makes_a_rule_fail_otherwise(text: str) -> None:
    for spec in (
        {"feed": text},
        {"feed": "rsvps", "url": text, "label": text, "bucket": text},
        of_row("idField", text),
    ):
        assert all(isinstance(sentence, str) for sentence in sentences(spec))


@pytest.mark.parametrize("seed", range(300))
def test_an_address_that_the_api_server_takes_is_one_that_the_services_take(seed: int) -> None:
    dice = random.Random(seed)
    parts = [
        "http",
        "s",
        "://",
        "a",
        "b.c",
        ".",
        "..",
        ":",
        "0",
        "80",
        "65536",
        "/",
        "x",
        "?",
        "=",
        "&",
        "@",
        "#",
        " ",
        "-",
        "%2e",
        "[",
    ]
    url = dice.choice(["http://", "https://", ""]) + "".join(dice.choices(parts, k=dice.randrange(8)))
    if not refusals({"feed": "rsvps", "url": url}):
        assert checked_http_url(url) == url
