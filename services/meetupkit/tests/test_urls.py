import pytest
from meetupkit.setting_types import HttpUrl, LogLevel, OptionalHttpUrl
from meetupkit.settings import Settings, SettingsError
from meetupkit.urls import checked_http_url, shown


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("http://user:PW@host/2/rsvps?access_token=T", "http://host/2/rsvps?access_token=…"),
        ("http://u@v:PW@host:81/p?a=1&b=2;c=3", "http://host:81/p?a=…&b=…;c=…"),
        ("https://host/p?T0ken-without-name", "https://host/p?…"),
        ("https://host/2/open_venues?trickle", "https://host/2/open_venues?trickle"),
        ("gs://bucket/prefix", "gs://bucket/prefix"),
        ("file:///var/data", "file:///var/data"),
        ("//user:PW@host/x?a=T", "//host/x?a=…"),
        ("http://[::1", "http:… (unreadable)"),
        ("http://host/\x1b[31m\nGET", "http://host/GET"),
        ("http://host/?a=1#fragment-secret", "http://host/?a=…"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(url: str, safe: str) -> None:
    assert shown(url) == safe


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "https://host:8443/path/",
        "http://127.0.0.1:0080/2/rsvps?since_count=5",
        "http://[::1]:8080",
        "http://a-b.example.internal./x",
    ],
)
def test_an_address_that_can_be_asked_is_taken(url: str) -> None:
    assert checked_http_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:80",
        "ftp://host/",
        "http://",
        "http:///path",
        "http://user@host/",
        "http://user:PW@host/",
        "http://@host/",
        "http://host:0/",
        "http://host:65536/",
        "http://host:port/",
        "http://host:/",
        "http://...",
        "http://a..b/",
        "http://-a.b/",
        "http://ho st/",
        "http://host/\n",
        "http://host\\@other/",
        "http://[::1",
        "http://host/#fragment",
        "http://höst/",
        "http://" + "a" * 64 + "/",
        "http://host/" + "p" * 3000,
    ],
)
def test_an_address_that_cannot_be_asked_or_holds_a_secret_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        checked_http_url(url)


class _Example(Settings, prefix="EXAMPLE_"):
    url: HttpUrl
    other: OptionalHttpUrl = ""
    log_level: LogLevel = "INFO"


def test_a_setting_with_a_secret_in_its_address_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingsError) as refused:
        _Example.from_environ({"EXAMPLE_URL": "http://user:PW@host/", "EXAMPLE_LOG_LEVEL": "loud"})
    assert "EXAMPLE_URL: must not hold a user or password" in str(refused.value)
    assert "PW" not in str(refused.value)
    assert _Example.from_environ({"EXAMPLE_URL": "http://host", "EXAMPLE_OTHER": ""}).other == ""
