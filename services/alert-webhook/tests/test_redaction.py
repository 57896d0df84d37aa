"""What is secret is taken out, what is not stays, and neither costs more than the length of the text."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from measure_redaction import blanked, missed
from meetup_alert_webhook.text.readable import shown, shown_lines
from meetup_alert_webhook.text.redaction import redacted
from meetup_testkit.growth import growth, seconds
from redaction_corpus import harmless_texts, leaked, secret_texts, split

SECRETS = secret_texts()
HARMLESS = harmless_texts()
MISSED = missed(redacted)
FOUND = [each for each in SECRETS if each not in MISSED]
MISSED_AT_MOST = 2
"""Of the cut tokens: a hexadecimal beginning without a name is a digest to whoever reads it."""
LONG = 12_000
UNITS = (
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----END PRIVATE KEY-----", "AAAA1111bbbb\n", "LS0tLS1CRUdJTi"),
    *("://", "://a:", "://a:b@", "@", "a:b", "https://hooks.slack.com/", "discord.com/api/webhooks", "www.", "\\"),
    *("password=", 'password="', 'password=\\"', "password='", "password: [", "password={", "password=(", "key "),
    *("Authorization: ", 'Authorization: x="', "Cookie: a=b; ", "eyJ-", "eyJabcdefgh.", "eyJ.", "xoxb-1-", "sk-"),
    *("SG.", "ghp_", "aws", "-p ", "-u a:", "mysql -p a ", "token is ", "bearer ", "AUTH ", "a, value", "api key="),
    *("<password>", "%22", "%22password%22%3A%22", "password%3D", "a=", "a.", "a-", "--", "12345678:AA", "[", "("),
    *(" ", "\n", "\t", "=", ":", ",", "/", "AC", "MMMM.", "0123456789abcdef", "aA1", "aA1_", "AKIA", "name: ", "é"),
    *("<a:b ", "</b><i>", "<b>password</b>", "form-data; name=", "| a ", "|", "&quot;", "\\u0022", "Some(", "a[", "]"),
    *("password: |\n", '"password", ', "…", "pass:", "A3T", "identified by ", "-----BEGIN CERTIFICATE-----", "sha256:"),
)


@pytest.mark.parametrize(("kind", "text"), FOUND, ids=[f"{kind}-{at}" for at, (kind, _) in enumerate(FOUND)])
def test_a_secret_is_taken_out(kind: str, text: str) -> None:
    plain, secrets = split(text)
    assert leaked(redacted(plain), secrets) == []
    assert leaked(shown_lines(plain, 1500), secrets) == []


def test_few_cut_tokens_are_missed() -> None:
    assert {kind for kind, _ in MISSED} <= {"token, cut"}
    assert len(MISSED) <= MISSED_AT_MOST


@pytest.mark.parametrize(("kind", "text"), HARMLESS, ids=[f"{kind}-{at}" for at, (kind, _) in enumerate(HARMLESS)])
def test_a_harmless_text_stays(kind: str, text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("limit", [60, 300])
@pytest.mark.parametrize("at", [0, 20, 250, 1180, 1230, 2180, 2220])
@pytest.mark.parametrize(
    "form", ["token ghp_«{}»", 'password="«{} and more {}»"', "https://app:«{}»@db/x", "key: «{}»"]
)
def test_a_secret_at_any_place_of_a_text_that_is_cut_is_not_shown(form: str, at: int, limit: int) -> None:
    secret = "x7Kq9Zt2Lm4Vb8Nc6Rw1Yp3Hs5Dg0FjA"
    plain, secrets = split(f"{'a word ' * 400}"[:at] + " api_" + form.format(secret, secret) + " and so on" * 2000)
    assert leaked(shown(plain, limit), secrets) == []
    assert leaked(shown_lines(plain, limit), secrets) == []


@pytest.mark.parametrize("mark", ["\u200b", "\u202e", "\x00", "\u2060", "\x1b[31m", "\ufeff"], ids=ascii)
def test_a_secret_with_an_invisible_mark_in_it_is_not_shown(mark: str) -> None:
    plain, secrets = split(f"pass{mark}word=«hunter2hunter2» and ghp{mark}_«x7Kq9Zt2Lm4Vb8Nc6Rw1Yp3Hs5Dg0FjA»")
    assert leaked(shown(plain, 300), secrets) == []


def test_text_that_was_redacted_stays_as_it_is() -> None:
    changed = [text for _, text in SECRETS if redacted(once := redacted(split(text)[0])) != once]
    assert changed == []


def redaction_of(unit: str) -> Callable[[int], object]:
    """Of the unit again and again, to a length."""
    return lambda size: redacted((unit * size)[:size])


def repeated() -> list[str]:
    chosen = random.Random(7)
    pairs = [a + b for a, b in itertools.product(UNITS, UNITS)]
    triples = ["".join(chosen.sample(UNITS, 3)) for _ in range(100)]
    return [*UNITS, *chosen.sample(pairs, 200), *triples]


def test_sixteen_times_the_text_takes_about_sixteen_times_as_long() -> None:
    # Most take less; a quadratic one takes a second.
    suspects = [unit for unit in repeated() if seconds(redaction_of(unit), LONG) > 0.05]
    by = {unit: growth(redaction_of(unit), small=LONG // 16, large=LONG) for unit in suspects}
    assert not {unit: round(more, 1) for unit, more in by.items() if more > 4}


def test_the_readme_shows_the_rates() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    secrets = f"{len(MISSED)} of {len(SECRETS)} secrets are missed"
    assert f"{secrets}, {len(blanked(redacted))} of {len(HARMLESS)} harmless" in " ".join(readme.split())
