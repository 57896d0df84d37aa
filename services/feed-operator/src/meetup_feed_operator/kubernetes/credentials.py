"""Whose credentials the operator has: ``KUBECONFIG``, else the pod's service account, else ``~/.kube/config``."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from meetup_feed_operator.kubernetes.connection import Connection, CredentialsError, Login, Pem
from meetup_feed_operator.kubernetes.kubeconfig import read_kubeconfig

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts it (Kubernetes' documents: "Access the Kubernetes API from a Pod")."""
_SERVER: Final = "https://kubernetes.default.svc"
_DEFAULT: Final = "~/.kube/config"
_READ_AGAIN_SECONDS: Final = 60.0
"""client-go, too, reads a mounted token again after a minute."""
_READ_SOON_SECONDS: Final = 2.0
"""Not before each request that fails: an exec plug-in is a process and a call to its cloud."""


def log_in() -> Connection:
    """Reads them anew; raises ``CredentialsError``."""
    if named := os.environ.get("KUBECONFIG", "").strip(os.pathsep + " "):
        return read_kubeconfig(named)
    if (_ACCOUNT / "token").exists():
        return _service_account()
    if Path(_DEFAULT).expanduser().exists():
        return read_kubeconfig(_DEFAULT)
    raise CredentialsError("there is neither KUBECONFIG, nor a pod's service account, nor ~/.kube/config")


def _service_account() -> Connection:
    try:
        token = (_ACCOUNT / "token").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise CredentialsError(f"the service account's token cannot be read: {why}") from None
    if not token:
        raise CredentialsError("the service account's token is empty")
    authority = _ACCOUNT / "ca.crt"
    return Connection(
        server=_SERVER,
        headers={"Authorization": f"Bearer {token}"},
        authority=Pem("the service account's ca.crt", path=str(authority)) if authority.exists() else None,
    )


class Credentials:
    """The latest credentials, read again every minute, since a projected token is replaced on disk within the hour.

    One for the process; safe in threads, of which each watch has its own.
    """

    def __init__(self, login: Login = log_in, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._login = login
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: Connection | None = None
        self._read_at = self._due = 0.0

    def connection(self) -> Connection:
        """Raises ``CredentialsError``; then the next call reads them again."""
        with self._lock:
            if self._latest is None or self._clock() >= self._due:
                self._latest = None
                self._latest, self._read_at = self._login(), self._clock()
                self._due = self._read_at + _READ_AGAIN_SECONDS
            return self._latest

    def fresh(self) -> Connection | None:
        """Those at hand, if nothing need be read; never waits."""
        return self._latest if self._clock() < self._due else None

    def headers(self) -> dict[str, str]:
        """Those of the latest credentials."""
        return self.connection().headers

    def refused(self) -> None:
        """They did not work (401, no connection): they are read again soon, since a file may have changed."""
        with self._lock:
            self._due = min(self._due, self._read_at + _READ_SOON_SECONDS)
