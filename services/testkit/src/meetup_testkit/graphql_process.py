"""Starts ``meetup-graphql-stand-in`` as a process of its own, and speaks its pages in the verbs of a test."""

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import requests
from meetup_simulator.graphql_api.__main__ import READY_LINE

from meetup_testkit.child_process import ChildProcess

_CALL_SECONDS: Final = 30.0


class GraphqlProcess:
    """A running stand-in; its client's private key is in ``key_file``."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.key_file = folder / "meetup-key.pem"
        command = ["-m", "meetup_simulator.graphql_api", "--port", "0", "--private-key", str(self.key_file), *flags]
        log = folder / "meetup.log"
        log.unlink(missing_ok=True)  # of an earlier one, with its address
        self._process = ChildProcess([sys.executable, *command], log)
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has no business on loopback
        self.base_url = self._process.announced(READY_LINE).strip()

    @property
    def api_url(self) -> str:
        """The GraphQL endpoint."""
        return f"{self.base_url}/gql-ext"

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.base_url}/oauth2/access"

    def client(self) -> dict[str, str]:
        """The gateway's variables for this API: its addresses, and the client that it knows."""
        return {
            "GATEWAY_API_URL": self.api_url,
            "GATEWAY_TOKEN_URL": self.token_url,
            "GATEWAY_CLIENT_KEY": "client-key",
            "GATEWAY_MEMBER_ID": "100000007",
            "GATEWAY_SIGNING_KEY_ID": "signing-key",
            "GATEWAY_SIGNING_KEY_FILE": str(self.key_file),
        }

    def turn(self, **dials: Any) -> None:
        """Turn dials; raises ``ValueError`` with the reason when it is refused."""
        self._post("/graphql/dials", dials)

    def advance(self, seconds: float) -> int:
        """Let world time pass; returns its time then, in milliseconds."""
        return int(self._post("/graphql/advance", {"seconds": seconds})["now"])

    def expire_tokens(self) -> None:
        """No access token is good any more."""
        self._post("/graphql/expire", {})

    def new_session(self) -> str:
        """The first refresh token of another session."""
        return str(self._post("/graphql/session", {})["refresh_token"])

    def stats(self) -> dict[str, Any]:
        """Points, refusals, tokens, what was asked for."""
        answer: dict[str, Any] = self._session.get(f"{self.base_url}/graphql/stats", timeout=_CALL_SECONDS).json()
        return answer

    def history(self, feed: str) -> list[dict[str, Any]]:
        """Every version that there was of the feed's records."""
        text = self._session.get(f"{self.base_url}/graphql/history", timeout=_CALL_SECONDS).text
        return [line for line in map(json.loads, text.splitlines()) if line["feed"] == feed]

    def stop(self) -> None:
        """SIGTERM; a process that does not end is killed."""
        self._session.close()
        self._process.end()

    def _post(self, path: str, value: dict[str, Any]) -> dict[str, Any]:
        response = self._session.post(self.base_url + path, json=value, timeout=_CALL_SECONDS)
        answer: dict[str, Any] = response.json()
        if not response.ok:
            raise ValueError(answer.get("error"))
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
