"""What the settings make of single parts, for the service and for the commands beside it."""

import time

from meetupkit.http.client import HttpClient

from meetup_gateway import __version__
from meetup_gateway.durations import DAY_MS, SECOND_MS
from meetup_gateway.polling.context import Options
from meetup_gateway.privacy.people import People
from meetup_gateway.settings import GatewaySettings, Vanished
from meetup_gateway.source.credentials import Credentials, RefreshSession, SigningKey
from meetup_gateway.storage.erasure import is_suppressed
from meetup_gateway.storage.meta import Meta
from meetup_gateway.storage.session import RefreshTokens


def client_of(settings: GatewaySettings) -> HttpClient:
    """An HTTP client that says who runs this."""
    agent = f"meetup-analysis/{__version__} (+{settings.contact})"
    return HttpClient(trust_env=True, headers={"User-Agent": agent})


def credentials_of(settings: GatewaySettings, client: HttpClient, meta: Meta) -> Credentials:
    """By the flow that the settings name."""
    grant: SigningKey | RefreshSession
    if key := settings.signing_key.get_secret_value():
        grant = SigningKey(settings.client_key, settings.member_id, settings.signing_key_id, key)
    else:
        secret, token = settings.client_secret.get_secret_value(), settings.refresh_token.get_secret_value()
        grant = RefreshSession(settings.client_key, secret, token)
    return Credentials(grant, url=settings.token_url, exchange=client.send, tokens=RefreshTokens(meta), now=time.time)


def people_of(settings: GatewaySettings, meta: Meta) -> People:
    """How members are told of."""
    file = meta.file
    key = settings.pseudonym_key.get_secret_value().encode() or meta.key()
    return People(settings.members, key, lambda hashed: is_suppressed(file, hashed))


def options_of(settings: GatewaySettings) -> Options:
    """The settings of polling."""
    return Options(
        count_every=int(settings.count_seconds * SECOND_MS),
        photos=settings.photos,
        waitlist=settings.waitlist,
        vanished_as_no=settings.vanished_rsvps is Vanished.NO,
        backfill=settings.backfill_days * DAY_MS,
        profile_age=int(settings.profile_seconds * SECOND_MS),
        floor_seconds=settings.floor_seconds,
        discovery_every=int(settings.discovery_seconds * SECOND_MS),
        schema_every=DAY_MS,
    )
