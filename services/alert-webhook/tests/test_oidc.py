"""Pub/Sub's token is checked in every respect, against a signer and a certificate server of the test's own."""

import asyncio
import base64
import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt
from meetup_alert_webhook.http.certificates import Certificates
from meetup_alert_webhook.http.credentials import CannotCheck
from meetup_testkit.service_process import until
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import InProcess, environ, firing, group, log_entry, pushed

StartWebhook = Callable[..., InProcess]
_signer: Callable[..., Any] = crypt.RSASigner.from_string  # google-auth does not say its types
_encode: Callable[..., bytes] = jwt.encode
AUDIENCE = "https://alerts.example/v1/log-export"
EMAIL = "pubsub-push@meetup-prod.iam.gserviceaccount.com"
WAIT = 16
"""Requests that wait for a fetch."""


class Signer:
    """A key, and the certificate that goes with it."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        self._signer = _signer(private, key_id)

    def token(self, **changes: Any) -> str:
        """A good token, but for the changes."""
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "email": EMAIL,
            "email_verified": True,
            "sub": "1",
            "iat": now - 60,
            "exp": now + 3600,
            **changes,
        }
        encoded = _encode(self._signer, {name: value for name, value in claims.items() if value is not None})
        return encoded.decode()


class CertificateServer:
    """Publishes certificates by key id, and counts how often they are fetched."""

    def __init__(self) -> None:
        self.certificates: dict[str, str] = {}
        self.status = 200
        self.fetched = 0
        self.answered = 0
        self.answers = threading.Event()
        """While it is cleared, no answer is sent."""
        self.answers.set()
        self.cache_control = "public, max-age=600"
        self.body: bytes | None = None
        this = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                this.fetched += 1
                body = json.dumps(this.certificates).encode() if this.body is None else this.body
                this.answers.wait()
                self.send_response(this.status)
                self.send_header("Cache-Control", this.cache_control)
                if this.status == 302:
                    self.send_header("Location", this.url)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                this.answered += 1

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/certs"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def google() -> Signer:
    return Signer("key-1")


@pytest.fixture(scope="module")
def stranger() -> Signer:
    """Signs under the same key id, with another key."""
    return Signer("key-1")


@pytest.fixture
def certificates(google: Signer) -> Iterator[CertificateServer]:
    server = CertificateServer()
    server.certificates = {"key-1": google.pem}
    yield server
    server.close()


def guard(certificates: CertificateServer) -> dict[str, str]:
    """The settings by which pushes need a token."""
    return {
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_EMAIL": EMAIL,
        "OIDC_CERTIFICATES_URL": certificates.url,
        "ALLOW_UNAUTHENTICATED": "",
    }


@pytest.fixture
def guarded(slack: SlackStandIn, start_webhook: StartWebhook, certificates: CertificateServer) -> InProcess:
    return start_webhook(slack, **guard(certificates))


@pytest.fixture(scope="module")
def refusing(google: Signer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """One service for every token that is to be refused; whatever it sends to Slack ends the module with an error."""
    with SlackStandIn() as slack, closing(CertificateServer()) as certificates:
        certificates.certificates = {"key-1": google.pem}
        state = tmp_path_factory.mktemp("refusing") / "state.sqlite"
        with InProcess(environ(slack, state, **guard(certificates))) as webhook:
            yield webhook
        assert slack.messages() == []


def sent(webhook: InProcess) -> float:
    """Messages that it has sent for pushes."""
    return webhook.metric("sent_total", source="log_export")


def push(webhook: InProcess, token: str | None, insert_id: str = "1") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return webhook.log_export(pushed(log_entry(insert_id)), headers).status_code


def test_the_right_token_is_taken_and_the_certificates_are_fetched_once(
    guarded: InProcess, google: Signer, certificates: CertificateServer
) -> None:
    assert [push(guarded, google.token(), insert_id=str(number)) for number in range(3)] == [200, 200, 200]
    assert certificates.fetched == 1


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": "https://other.example"}, 401),
        ({"aud": None}, 401),
        ({"iss": "https://accounts.evil.example"}, 401),
        ({"exp": 1_000_000_000}, 401),
        ({"exp": None}, 401),
        ({"exp": "soon"}, 401),
        ({"iat": 33_000_000_000}, 401),
        ({"email": "somebody@else.iam.gserviceaccount.com"}, 403),
        ({"email": None}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": "true"}, 403),
        ({"email_verified": None}, 403),
    ],
    ids=str,
)
def test_a_token_wrong_in_one_claim_is_refused(
    refusing: InProcess, google: Signer, claims: dict[str, Any], status: int
) -> None:
    assert push(refusing, google.token(**claims)) == status
    assert sent(refusing) == 0


def test_a_token_signed_by_another_key_is_refused(refusing: InProcess, stranger: Signer) -> None:
    assert push(refusing, stranger.token()) == 401


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtleS0xIn0.e30.AA", "x" * 9000],
)
def test_what_is_not_a_signed_token_is_refused(refusing: InProcess, token: str) -> None:
    assert push(refusing, token) == 401


def test_no_token_is_refused_and_told_what_is_wanted(refusing: InProcess) -> None:
    answer = refusing.log_export(pushed(log_entry()))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_new_key_of_the_signer_is_fetched_when_it_is_first_seen(
    google: Signer, certificates: CertificateServer
) -> None:
    clock = Clock()

    async def ask() -> None:
        cache = Certificates(certificates.url, clock)
        await cache.with_key("key-1")
        certificates.certificates["key-2"] = google.pem
        assert "key-2" not in await cache.with_key("key-2")  # asked a moment ago: forged keys must not make us ask
        clock.now = 61
        assert "key-2" in await cache.with_key("key-2")

    asyncio.run(ask())
    assert certificates.fetched == 2


def test_a_withdrawn_key_is_forgotten_when_the_certificates_run_out(certificates: CertificateServer) -> None:
    clock = Clock()

    async def ask() -> None:
        cache = Certificates(certificates.url, clock)
        await cache.with_key("key-1")
        certificates.status = 500
        clock.now = 599
        assert "key-1" in await cache.with_key("key-1")
        clock.now = 601
        with pytest.raises(CannotCheck):
            await cache.with_key("key-1")

    asyncio.run(ask())


def test_certificates_are_fetched_anew_before_they_run_out_and_nobody_waits(certificates: CertificateServer) -> None:
    clock = Clock()

    async def ask() -> None:
        cache = Certificates(certificates.url, clock)
        await cache.with_key("key-1")
        certificates.answers.clear()
        clock.now = 500  # of 600
        assert "key-1" in await cache.with_key("key-1")
        assert certificates.answered == 1
        certificates.answers.set()
        await asyncio.to_thread(until, lambda: certificates.answered == 2, "the second fetch")

    asyncio.run(ask())


@pytest.mark.parametrize("age", ["max-age=0", "max-age=999999999", "no-store", "", "max-age=x", "max-age=-1"])
def test_however_long_the_publisher_says_certificates_last_they_are_neither_fetched_at_once_nor_kept_for_days(
    certificates: CertificateServer, age: str
) -> None:
    clock = Clock()
    certificates.cache_control = age

    async def ask() -> None:
        cache = Certificates(certificates.url, clock)
        await cache.with_key("key-1")
        await cache.with_key("key-1")
        assert certificates.fetched == 1
        clock.now = 86_401
        certificates.status = 500
        with pytest.raises(CannotCheck):
            await cache.with_key("key-1")

    asyncio.run(ask())


def test_a_failed_fetch_is_remembered_for_a_while_and_then_tried_again(certificates: CertificateServer) -> None:
    clock = Clock()
    certificates.status = 500

    async def ask() -> None:
        cache = Certificates(certificates.url, clock)
        for _ in range(50):
            with pytest.raises(CannotCheck):
                await cache.with_key("key-1")
        assert certificates.fetched == 1
        certificates.status = 200
        clock.now = 8
        assert "key-1" in await cache.with_key("key-1")

    asyncio.run(ask())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"a": 1}',
        b'{"keys": []}',
        b'{"keys": "a"}',
        b"\xff",
        b"x" * 300_000,
    ],
    ids=range(10),
)
def test_what_is_no_certificates_is_a_push_to_come_again(
    guarded: InProcess, google: Signer, certificates: CertificateServer, body: bytes
) -> None:
    certificates.body = body
    assert push(guarded, google.token()) == 503


def test_certificates_that_are_none_refuse_every_token(
    guarded: InProcess, google: Signer, certificates: CertificateServer
) -> None:
    certificates.body = json.dumps({"key-1": "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"}).encode()
    assert push(guarded, google.token()) == 401


def test_while_the_certificates_cannot_be_had_a_push_is_to_come_again(
    guarded: InProcess, google: Signer, certificates: CertificateServer, slack: SlackStandIn
) -> None:
    certificates.status = 500
    assert push(guarded, google.token()) == 503
    certificates.status = 200
    slack.wait_until(lambda: push(guarded, google.token()) == 200)
    assert len(slack.messages()) == 1


def test_a_publisher_that_redirects_is_not_followed(
    guarded: InProcess, google: Signer, certificates: CertificateServer
) -> None:
    certificates.status = 302
    assert push(guarded, google.token()) == 503
    assert certificates.fetched == 1


def test_while_the_certificates_are_slow_other_alerts_are_taken_and_pushes_without_certificates_are_put_off(
    guarded: InProcess, google: Signer, certificates: CertificateServer
) -> None:
    """Sixty-four senders with tokens that look good once held every place there was."""
    certificates.answers.clear()
    with ThreadPoolExecutor(64) as senders:
        forged = [senders.submit(push, guarded, google.token()) for _ in range(64)]
        until(lambda: sum(each.done() for each in forged) >= 64 - WAIT, "the answers to those that cannot wait")
        for number in range(5):
            assert guarded.alertmanager(group(firing(), key=f"{number}")).status_code == 200
            assert guarded.page("/livez").status_code == 200
        assert certificates.answered == 0
        certificates.answers.set()
        answers = [each.result() for each in forged]
    assert answers.count(503) >= 64 - WAIT
    until(lambda: push(guarded, google.token()) == 200, "a push that is taken")


def test_a_few_wait_for_the_certificates_and_the_others_are_told_to_come_again(certificates: CertificateServer) -> None:
    async def ask() -> None:
        cache = Certificates(certificates.url)
        certificates.answers.clear()
        asking = [asyncio.create_task(cache.with_key("key-1")) for _ in range(64)]
        _, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert len(waiting) == WAIT
        certificates.answers.set()
        for each in asking:
            if each in waiting:
                assert "key-1" in await each
            else:
                with pytest.raises(CannotCheck):
                    await each

    asyncio.run(ask())
    assert certificates.fetched == 1


def test_tokens_of_unknown_keys_make_no_good_token_wait(
    guarded: InProcess, google: Signer, certificates: CertificateServer
) -> None:
    assert push(guarded, google.token()) == 200
    certificates.answers.clear()
    unknown = Signer("key-of-nobody")
    with ThreadPoolExecutor(32) as senders:
        forged = [senders.submit(push, guarded, unknown.token()) for _ in range(32)]
        assert push(guarded, google.token()) == 200
        assert {each.result() for each in forged} == {401}
    assert certificates.fetched == 1


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


GOOD_HEADER = {"alg": "RS256", "typ": "JWT", "kid": "key-1"}


def forged(header: Any = None, claims: Any = None) -> str:
    """A token in good form whose signature is none, from objects or from JSON text."""
    now = int(time.time())
    good = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": EMAIL, "email_verified": True}
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode()
        for part in (
            GOOD_HEADER if header is None else header,
            {**good, "iat": now - 60, "exp": now + 3600} if claims is None else claims,
        )
    ]
    return ".".join([*map(encoded, parts), encoded(b"x" * 256)])


NESTED = [
    (opened * depth + b"1" + closed * depth)
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}"))
    for depth in (10, 900, 1_000)
] + [b"[" * 4_000, b'{"a":' * 1_000]
ODD: list[Any] = [None, "", "x", True, [], {}, [AUDIENCE], 10**400, -(10**400), 1.5, 1e308, "1e9", 10**18]
ALGORITHMS: list[Any] = ["none", "None", "HS256", "RS512", "ES256", "rs256", "", None, 1, [], {}, ["RS256"], "RS256 "]
FORGED = {
    **{f"header nested {at}": forged(header=body) for at, body in enumerate(NESTED)},
    **{f"claims nested {at}": forged(claims=body) for at, body in enumerate(NESTED)},
    **{
        f"kid {kid!r:.40}": forged(header={**GOOD_HEADER, "kid": kid})
        for kid in [
            None,
            1,
            1.5,
            True,
            [],
            ["key-1"],
            {},
            {"key-1": 1},
            "",
            "x" * 300,
            "../key-1",
            "\x00",
            "\ud800",
            10**300,
        ]
    },
    **{f"alg {alg!r}": forged(header={**GOOD_HEADER, "alg": alg}) for alg in ALGORITHMS},
    **{
        f"claim {name} {value!r:.40}": forged(
            claims={
                "iss": "accounts.google.com",
                "aud": AUDIENCE,
                "email": EMAIL,
                "email_verified": True,
                "iat": 1,
                "exp": 2**62,
                name: value,
            }
        )
        for name in ("iat", "exp", "aud", "iss")
        for value in ODD
    },
    **{
        f"JSON {text!r:.40}": forged(claims=text)
        for text in [
            b"",
            b"null",
            b"1",
            b'"a"',
            b"[]",
            b"{",
            b"\xff",
            b"\xef\xbb\xbf{}",
            b'{"exp": NaN}',
            b'{"exp": Infinity}',
            b'{"exp": ' + b"9" * 5_000 + b"}",
            b'{"a": 1, "a": 2}',
            b"{}" * 2,
        ]
    },
    "crit": forged(header={**GOOD_HEADER, "crit": ["exp"]}),
    "a name twice": forged(header=b'{"alg":"RS256","kid":"key-1","kid":"key-1"}'),
    "four parts": forged() + ".x",
    "two parts": "a.b",
    "padded": forged() + "==",
    "another alphabet": forged().replace("_", "/").replace("-", "+") + "/",
    "no signature": forged().rpartition(".")[0] + ".",
    "a good form": forged(),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_a_401_and_its_kind_is_logged_without_a_traceback(
    refusing: InProcess, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert push(refusing, FORGED[name]) == 401
    assert not any(record.exc_info for record in caplog.records)
    assert sent(refusing) == 0


def test_a_flood_of_forged_tokens_is_a_line_in_the_log_each_second(
    guarded: InProcess, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    for _ in range(200):
        assert push(guarded, FORGED["a good form"]) == 401
    lines = [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert len(lines) <= 3 + time.monotonic() - began
