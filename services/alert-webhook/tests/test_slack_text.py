"""A text of others is shown as text: it wakes nobody, hides nothing, breaks no message and no clock."""

import itertools
import json
import re
from typing import Any

import pytest
from meetup_alert_webhook.digest.model import Digest
from meetup_alert_webhook.model import Alert
from meetup_alert_webhook.slack.blocks import MAX_BLOCKS, MAX_TEXT, alert_message, digest_message, quiet_message
from meetup_alert_webhook.sources import alertmanager, log_export
from meetup_alert_webhook.text.instants import is_set, unix_of
from meetup_simulator.slack.limits import error_of
from webhook_running import firing, group, log_entry, pushed

MENTIONS = [
    f"{before}{word}{after}"
    for word in ("<!channel>", "<!here>", "<!everyone>", "@channel", "@here", "@everyone", "@HERE", "<!subteam^S1|@x>")
    for before, after in (
        ("", ""),
        ("_", "_"),
        ("*", "*"),
        ("a ", " b"),
        ("`", "`"),
        ("<", ">"),
        ("@", ""),
        ("\n", "\n"),
    )
]
INVISIBLE = ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\x1b[31m", "\x1b]0;t\x07", "\x9b1m"]
INVISIBLE += ["\x00", "\x07", "\x7f", "\x85", "\u2028", "\ud800", "\udfff", "\U000e0041", "\u115f", "\x08"]
MARKS = ["a\nb", "a\r\nb", "a\tb", "*a*", "a * b", "a*", "_a_", "~a~", "`a`", "a`b", "```a", "> a", "- a", "a\u2028b"]
MARKS += ["<a>", "a & b", "&lt;", "&amp", "<https://evil.example|click>", "<javascript:alert(1)|x>", "<mailto:a@b.c>"]
BLANK = ["", " ", "\n", "\t\n ", "\u200b", "\u00a0", "\x00", "\u202e\u202c", "\u3000", "\ufeff"]
LONG = [
    "a" * 100_000,
    "é" * 5000,
    "&" * 5000,
    "<" * 5000,
    "😀" * 5000,
    "a " * 50_000,
    "*" * 5000,
    "`" * 5000,
    "\n" * 5000,
]
PLACES = ("summary", "description", "alertname", "feed", "title")


def alert_with(place: str, text: str) -> Alert:
    """An alert that has the text at one place."""
    alert = firing("Named", feed="rsvps")
    kind = "annotations" if place in ("summary", "description") else "labels"
    alert[kind] = {**alert[kind], place: text}
    body = group(alert)
    return alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode()))


def entry_with(text: str) -> Alert:
    return log_export.parse(json.dumps(pushed(log_entry(message=text))).encode(), {})


def messages(text: str) -> list[Any]:
    """Every message that shows the text somewhere."""
    alerts = [*(alert_with(place, text) for place in PLACES), entry_with(text), entry_with(f"first\n{text}\nlast")]
    digest = Digest("#x").fold(alerts[0], 1.8e9).fold(alerts[2], 1.8e9)
    return [*map(alert_message, alerts), digest_message(digest), quiet_message("Still watching", [alerts[0].title])]


def texts_of(message: Any) -> list[str]:
    """Each text that Slack would show."""
    found = [message["text"]]
    for block in message["attachments"][0]["blocks"]:
        found += [block["text"]["text"]] if "text" in block else [each["text"] for each in block["elements"]]
    return found


@pytest.mark.parametrize("text", MENTIONS, ids=ascii)
def test_no_text_mentions_everybody(text: str) -> None:
    shown = "\n".join(itertools.chain.from_iterable(map(texts_of, messages(text))))
    assert not re.search(r"(?i)@(channel|here|everyone)|<!(?!date\^)|<@|<#", shown)


@pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
def test_nothing_invisible_is_sent(character: str) -> None:
    for message in messages(f"a{character}b {character}"):
        for text in texts_of(message):
            assert all(c.isprintable() or c == "\n" for c in text.replace("\u2060", ""))
            assert character not in text.replace("\n", "") or character == "\u2060"
        assert json.dumps(message).encode()


@pytest.mark.parametrize("text", MARKS, ids=ascii)
def test_emphasis_stands_on_one_line_and_ends_where_it_was_meant_to(text: str) -> None:
    for message in messages(text):
        assert error_of(message) is None
        for shown in texts_of(message)[1:]:
            first = shown.split("\n")[0]
            assert "\n```" not in first
            if first.startswith("*"):
                assert re.match(r"\*[^\s*]([^*\n]*[^\s*])?\*", first), first
            assert shown.count("```") % 2 == 0


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_a_blank_text_leaves_a_message_that_says_something(text: str) -> None:
    for place in PLACES:
        alert = alert_with(place, text)
        assert alert.title.strip()
        assert alert.findings[0].summary.strip()
    for message in messages(text):
        assert error_of(message) is None
        assert all(
            shown.strip() and "**" not in shown and "``" not in shown.replace("```", "") for shown in texts_of(message)
        )
    assert alert_message(alert_with("summary", text))["text"] != "CRITICAL: "


@pytest.mark.parametrize("text", LONG, ids=lambda text: f"{len(text)} of {text[0]!a}")
def test_a_long_text_fits_slacks_limits_and_leaves_times_and_links(text: str) -> None:
    for message in messages(text):
        assert error_of(message) is None
        blocks = message["attachments"][0]["blocks"]
        assert len(blocks) <= MAX_BLOCKS
        assert max(map(len, texts_of(message))) <= MAX_TEXT
    section = alert_message(alert_with("description", text))["attachments"][0]["blocks"][1]["text"]["text"]
    assert "<!date^" in section
    assert section.endswith("|Graph>")


BAD_LINKS = [
    *(
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x.example/a",
        "file:///etc/passwd",
        "//x.example/a",
        "x.example",
    ),
    *("https://", "https:///a", "http://[::1", "https://user:pw123456@x.example/", "https://x.example\\@evil.example/"),
    *(
        "https://x.example/\n",
        "https://x.example/\x00a",
        "https://x.example/\x1b[1m",
        "slack://x",
        "HTTPS:x",
        " ",
        "https://x@y/",
    ),
    "https://x.example/?" + "a" * 5000,
]
GOOD_LINKS = {
    "https://x.example/a|b>c<d": "https://x.example/a%7Cb%3Ec%3Cd",
    "https://x.example/ü": "https://x.example/%C3%BC",
    "https://x.example/a\u202eb": "https://x.example/a%E2%80%AEb",
    "https://x.example/a b`c": "https://x.example/a%20b%60c",
    "http://x.example/?a=1&b=2": "http://x.example/?a=1&amp;b=2",
    "https://x.example/%7B%22a%22%7D": "https://x.example/%7B%22a%22%7D",
}


def linked(url: str) -> str:
    alert = {**firing(), "generatorURL": url, "annotations": {"summary": "s", "runbook_url": url}}
    return json.dumps(alert_message(alertmanager.to_alert(alertmanager.parse(json.dumps(group(alert)).encode()))))


@pytest.mark.parametrize("url", BAD_LINKS, ids=ascii)
def test_a_link_that_leads_elsewhere_than_it_says_is_left_out(url: str) -> None:
    assert "|Graph>" not in linked(url)
    assert "|Runbook>" not in linked(url)


@pytest.mark.parametrize("url", GOOD_LINKS, ids=ascii)
def test_a_link_cannot_end_its_own_mark(url: str) -> None:
    assert f"<{GOOD_LINKS[url]}|Graph>" in linked(url)


SET = {
    "2026-11-23T20:00:00Z": 1795464000.0,
    "2026-11-23t20:00:00z": 1795464000.0,
    "2026-11-23 20:00:00Z": 1795464000.0,
    "2026-11-23T20:00:00": 1795464000.0,
    "2026-11-23T21:00:00+01:00": 1795464000.0,
    "2026-11-23T20:00:00.123456789Z": 1795464000.123456,
    "2026-11-23T20:00:00,5Z": 1795464000.5,
    "2026-11-23T19:59:60Z": 1795463999.0,
    "2016-12-31T23:59:60.5Z": 1483228799.5,
    "2026-11-23T20:00:00." + "1" * 5000 + "Z": 1795464000.111111,
    "1795464000": 1795464000.0,
    "1795464000123": 1795464000.123,
    " 2026-11-23T20:00:00Z ": 1795464000.0,
    "9999-12-29T00:00:00Z": 253402041600.0,
}
UNSET = [
    *(
        "",
        " ",
        "0",
        "-1",
        "never",
        "null",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00+23:59",
    ),
    *("0001-01-01T00:00:00-23:59", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59+23:59"),
    *(
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
    ),
    *(
        "2026-02-30T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "2026-11-23T20:00:61Z",
        "2026-11-23T20:00:00+99:99",
        "infinity",
        "NaN",
    ),
    *(
        "1e400",
        "99999999999999999999",
        "\u0662\u0660\u0662\u0666-11-23T20:00:00Z",
        "\x00",
        "\ud800",
        "2026-11-23T20:00:00.x",
        "T",
        ":" * 5000,
    ),
    "9" * 5000,
]


@pytest.mark.parametrize("text", SET, ids=lambda text: ascii(text[:40]))
def test_a_time_is_read(text: str) -> None:
    assert unix_of(text) == pytest.approx(SET[text], abs=1e-5)


@pytest.mark.parametrize("text", UNSET, ids=lambda text: ascii(text[:40]))
def test_a_time_that_is_none_is_left_out(text: str) -> None:
    assert not is_set(text)


@pytest.mark.parametrize("since", [*SET, *UNSET], ids=lambda text: ascii(text[:40]))
@pytest.mark.parametrize(
    "until", ["2026-11-23T20:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x"]
)
def test_no_time_keeps_an_alert_from_being_sent(since: str, until: str) -> None:
    alert = {**firing(), "status": "resolved", "startsAt": since, "endsAt": until}
    entry = log_entry(timestamp=since, receiveTimestamp=until)
    read = alertmanager.to_alert(alertmanager.parse(json.dumps(group(alert)).encode()))
    for found in (read, log_export.parse(json.dumps(pushed(entry)).encode(), {})):
        assert error_of(alert_message(found)) is None
        assert error_of(digest_message(Digest("#x").fold(found, 1.8e9).fold(found, 1.8e9))) is None
