"""Credentials from an exec plug-in of a kubeconfig (``client.authentication.k8s.io``), such as GKE's and EKS's."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from meetupkit.foreign_text import printable

from meetup_feed_operator.kubernetes.connection import CredentialsError, Pem

_SECONDS: Final = 30.0
"""A plug-in asks its cloud for a token, which takes seconds at most; one that waits for input never ends."""
_MOST_BYTES: Final = 2**20
_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True, slots=True)
class ExecCredentials:
    """What the plug-in gave."""

    headers: dict[str, str] = field(repr=False)
    certificate: Pem | None = None
    key: Pem | None = field(default=None, repr=False)


def credentials_of(plugin: object, here: Path) -> ExecCredentials:
    """Runs it; raises ``CredentialsError`` with the end of what it wrote to stderr."""
    if not isinstance(plugin, dict) or not isinstance(plugin.get("command"), str) or not plugin["command"]:
        raise CredentialsError("exec of a kubeconfig's user must name a command")
    if plugin.get("apiVersion") not in _VERSIONS:
        raise CredentialsError(f"exec of a kubeconfig's user must have apiVersion {' or '.join(_VERSIONS)}")
    if plugin.get("interactiveMode") == "Always":
        raise CredentialsError("the exec plug-in of the kubeconfig asks for input, and nobody is there")
    return _read(plugin["command"], _run(plugin, here))


def _run(plugin: Mapping[str, Any], here: Path) -> bytes:
    command = plugin["command"]
    name = printable(command)
    program = str(here / command) if os.sep in command else command  # relative to the file, as kubectl
    info = {"kind": "ExecCredential", "apiVersion": plugin["apiVersion"], "spec": {"interactive": False}}
    try:
        variables = {entry["name"]: str(entry["value"]) for entry in plugin.get("env") or []}
        done = subprocess.run(  # noqa: S603  (the kubeconfig's owner names the program, as for kubectl)
            [program, *map(str, plugin.get("args") or [])],
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CredentialsError(f"the exec plug-in {name} did not end in {_SECONDS:g} s") from None
    except OSError as error:
        raise CredentialsError(f"the exec plug-in {name} cannot be run: {error.strerror}") from None
    except (LookupError, TypeError, ValueError):
        raise CredentialsError("args and env of a kubeconfig's exec must be lists, env of name and value") from None
    if done.returncode:
        raise CredentialsError(f"the exec plug-in {name} ended with {done.returncode}: {printable(done.stderr[-800:])}")
    return done.stdout


def _read(command: str, output: bytes) -> ExecCredentials:
    try:
        status = json.loads(output[:_MOST_BYTES])["status"]
        token = str(status.get("token") or "")
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # the text may hold a token
        raise CredentialsError(f"the exec plug-in {printable(command)} wrote no ExecCredential with a status") from None
    if not token and not (certificate and key):
        raise CredentialsError(f"the exec plug-in {printable(command)} gave neither a token nor a certificate")
    if token and not (token.isascii() and token.isprintable()):
        raise CredentialsError(f"the exec plug-in {printable(command)} gave a token that is not one line of ASCII")
    return ExecCredentials(
        headers={"Authorization": f"Bearer {token}"} if token else {},
        certificate=Pem("clientCertificateData", text=str(certificate).encode()) if certificate else None,
        key=Pem("clientKeyData", text=str(key).encode()) if key else None,
    )
