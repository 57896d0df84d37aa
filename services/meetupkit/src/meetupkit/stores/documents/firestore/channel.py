"""The connection to Firestore: credentials, channel and the generated client on it.

gRPC has threads of its own and does not survive a fork: a store must be used first after the fork, not before it.
"""

import os
from typing import Any, Final

import grpc
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from meetupkit.stores.google_credentials import CredentialsFinder

EMULATOR_VARIABLE: Final = "FIRESTORE_EMULATOR_HOST"
"""Names the emulator's ``host:port`` in every client of Google's."""
SCOPES: Final = ("https://www.googleapis.com/auth/datastore",)
_OPTIONS: Final[list[tuple[str, Any]]] = [
    ("grpc.max_send_message_length", -1),  # Firestore sets the limits
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 5_000),  # gRPC's own 120 s would make an outage last two minutes longer
    # While it waits to reconnect a channel fails every call at once, so that nobody waits for it.
]
_KEEPALIVE: Final[list[tuple[str, Any]]] = [
    ("grpc.keepalive_time_ms", 30_000),  # as Google's client asks; a peer that vanished without a word is
    ("grpc.keepalive_timeout_ms", 10_000),  # noticed after 40 s and not after TCP's quarter of an hour
]


class Connection:
    """The generated client and the metadata each call must carry."""

    def __init__(self, root: str, credentials: CredentialsFinder) -> None:
        self.answered_at = 0.0
        """When a call on it last ended with an answer, by the monotonic clock."""
        self.metadata: list[tuple[str, str]] = [("google-cloud-resource-prefix", root)]
        emulator = os.environ.get(EMULATOR_VARIABLE)
        self._credentials: Credentials | None = None
        if emulator:
            self.metadata.append(("authorization", "Bearer owner"))  # the emulator's rules let the owner do all
            self._channel = grpc.insecure_channel(emulator, options=_OPTIONS)
        else:
            self._credentials = credentials.find()
            self._channel = FirestoreGrpcTransport.create_channel(
                credentials=self._credentials, options=[*_OPTIONS, *_KEEPALIVE]
            )
        self.client = FirestoreClient(transport=FirestoreGrpcTransport(channel=self._channel))

    def check_credentials(self) -> None:
        """Ask for a token; raises google-auth's errors, which inside a call would only read as 'unavailable'."""
        if self._credentials is not None:
            self._credentials.refresh(Request())

    def close(self) -> None:
        """End the calls under way and the connection."""
        self._channel.close()
