"""Pub/Sub's token is checked in every respect, against a signer and a certificate server of the test's own."""

import datetime
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt
from meetup_alert_webhook.credentials import CannotCheck
from meetup_alert_webhook.oidc import Certificates
from meetup_simulator.slack_plugin import SlackStandIn
from webhook_running import InProcess, log_entry, pushed

StartWebhook = Callable[..., InProcess]
_signer: Callable[..., Any] = crypt.RSASigner.from_string  # google-auth does not say its types
_encode: Callable[..., bytes] = jwt.encode
AUDIENCE = "https://alerts.example/v1/log-export"
EMAIL = "pubsub-push@meetup-prod.iam.gserviceaccount.com"


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
        this = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                this.fetched += 1
                body = json.dumps(this.certificates).encode()
                self.send_response(this.status)
                self.send_header("Cache-Control", "public, max-age=600")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/certs"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
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


@pytest.fixture
def guarded(slack: SlackStandIn, start_webhook: StartWebhook, certificates: CertificateServer) -> InProcess:
    return start_webhook(
        slack,
        OIDC_AUDIENCE=AUDIENCE,
        OIDC_EMAIL=EMAIL,
        OIDC_CERTIFICATES_URL=certificates.url,
        ALLOW_UNAUTHENTICATED="",
    )


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
    guarded: InProcess, google: Signer, slack: SlackStandIn, claims: dict[str, Any], status: int
) -> None:
    assert push(guarded, google.token(**claims)) == status
    assert slack.messages() == []


def test_a_token_signed_by_another_key_is_refused(guarded: InProcess, stranger: Signer) -> None:
    assert push(guarded, stranger.token()) == 401


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtleS0xIn0.e30.AA", "x" * 9000],
)
def test_what_is_not_a_signed_token_is_refused(guarded: InProcess, token: str) -> None:
    assert push(guarded, token) == 401


def test_no_token_is_refused_and_told_what_is_wanted(guarded: InProcess) -> None:
    answer = guarded.log_export(pushed(log_entry()))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_new_key_of_the_signer_is_fetched_when_it_is_first_seen(
    google: Signer, certificates: CertificateServer
) -> None:
    now = [0.0]
    cache = Certificates(certificates.url, clock=lambda: now[0])
    cache.with_key("key-1")
    certificates.certificates["key-2"] = google.pem
    assert "key-2" not in cache.with_key(
        "key-2"
    )  # asked a moment ago; forged keys must not make us ask again and again
    now[0] = 61
    assert "key-2" in cache.with_key("key-2")
    assert certificates.fetched == 2


def test_a_withdrawn_key_is_forgotten_when_the_certificates_run_out(certificates: CertificateServer) -> None:
    now = [0.0]
    cache = Certificates(certificates.url, clock=lambda: now[0])
    cache.with_key("key-1")
    certificates.status = 500
    now[0] = 599
    assert "key-1" in cache.with_key("key-1")
    now[0] = 601
    with pytest.raises(CannotCheck):
        cache.with_key("key-1")


def test_while_the_certificates_cannot_be_had_a_push_is_to_come_again(
    guarded: InProcess, google: Signer, certificates: CertificateServer, slack: SlackStandIn
) -> None:
    certificates.status = 500
    assert push(guarded, google.token()) == 503
    certificates.status = 200
    assert push(guarded, google.token()) == 200
    assert len(slack.messages()) == 1
