"""Reads kubeconfig files as kubectl does: a list of files, the first to name a thing wins, paths are the file's own.

Not read: ``auth-provider`` (kubectl gave it up with 1.26). Every mistake is a ``CredentialsError`` in words.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from meetupkit.foreign_text import printable
from meetupkit.urls import checked_http_url

from meetup_feed_operator.kubernetes.connection import Connection, CredentialsError, Pem
from meetup_feed_operator.kubernetes.exec_plugin import credentials_of

_MOST_BYTES: Final = 4 * 2**20
"""A kubeconfig of a thousand clusters with certificates has about this size."""
_SECTIONS: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}
_PROXY_SCHEMES: Final = ("http://", "https://")

_Entry = tuple[Mapping[str, Any], Path]
"""What a section says under a name, and the folder of the file that says it."""


def read_kubeconfig(paths: str) -> Connection:
    """The current context of the files, which ``paths`` names with colons between them."""
    current, sections = _merged([Path(path).expanduser() for path in paths.split(os.pathsep) if path.strip()])
    if not current:
        raise CredentialsError(f"kubeconfig {printable(paths)} names no current-context")
    context, _ = _entry(sections, "contexts", current, "current-context")
    cluster = _entry(sections, "clusters", _text(context, "cluster"), f"context {printable(current)}")
    named = _text(context, "user")
    user = _entry(sections, "users", named, f"context {printable(current)}") if named else ({}, Path())
    return _connection(cluster, user)


def _merged(paths: list[Path]) -> tuple[str, dict[str, dict[str, _Entry]]]:
    current, read, sections = "", 0, {section: dict[str, _Entry]() for section in _SECTIONS}
    for path in paths:
        if not path.exists():  # kubectl passes over missing files as long as one is there
            continue
        config, read = _load(path), read + 1
        current = current or _text(config, "current-context")
        for section, inner in _SECTIONS.items():
            for name, value in _named(config, section, inner, path).items():
                sections[section].setdefault(name, (value, path.absolute().parent))
    if not read:
        raise CredentialsError(f"there is no kubeconfig at {printable(':'.join(map(str, paths))) or 'the given path'}")
    return current, sections


def _load(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise CredentialsError(f"kubeconfig {path} is longer than {_MOST_BYTES} bytes")
        config = yaml.safe_load(content)
    except OSError as error:
        raise CredentialsError(f"kubeconfig {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError):  # whose text may repeat a token
        raise CredentialsError(f"kubeconfig {path} is not YAML") from None
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise CredentialsError(f"kubeconfig {path} must be a map")
    return config


def _named(config: Mapping[str, Any], section: str, inner: str, path: Path) -> dict[str, Mapping[str, Any]]:
    entries = config.get(section)
    if entries is None:
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries if isinstance(entries, list) else [None]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise CredentialsError(f"kubeconfig {path}: {section} must be a list of maps with a name")
        value = entry.get(inner)
        if value is not None and not isinstance(value, dict):
            raise CredentialsError(f"kubeconfig {path}: {inner} {printable(entry['name'])} must be a map")
        found.setdefault(entry["name"], value or {})
    return found


def _entry(sections: dict[str, dict[str, _Entry]], section: str, name: str, by: str) -> _Entry:
    if name not in sections[section]:
        named = f"{_SECTIONS[section]} {printable(name)!r}" if name else f"no {_SECTIONS[section]}"
        raise CredentialsError(f"the kubeconfig's {by} names {named}, which it does not hold")
    return sections[section][name]


def _connection(cluster: _Entry, user: _Entry) -> Connection:
    target, here = cluster
    identity, there = user
    insecure = target.get("insecure-skip-tls-verify") is True
    authority = _pem(target, here, "certificate-authority")
    if insecure and authority:
        raise CredentialsError("a kubeconfig's cluster may have a certificate-authority or insecure-skip-tls-verify")
    certificate, key = _pem(identity, there, "client-certificate"), _pem(identity, there, "client-key")
    headers = {}
    if not (certificate and key) or _has_header(identity):
        headers = _headers(identity, there)
    if "exec" in identity and not headers and not certificate:
        given = credentials_of(identity["exec"], there)
        headers, certificate, key = given.headers, given.certificate, given.key
    if bool(certificate) != bool(key):
        raise CredentialsError("a kubeconfig's user needs both client-certificate and client-key, or neither")
    return Connection(
        server=_server(target),
        headers={**headers, **_imidentityation(identity)},
        authority=authority,
        certificate=certificate,
        key=key,
        insecure=insecure,
        tls_server_name=_text(target, "tls-server-name"),
        proxy_url=_proxy(target),
    )


def _server(target: Mapping[str, Any]) -> str:
    server = _text(target, "server")
    try:
        return checked_http_url(server).rstrip("/")
    except ValueError as error:
        raise CredentialsError(f"server of the kubeconfig's cluster {error}") from None


def _proxy(target: Mapping[str, Any]) -> str:
    """It may hold a password, so it is never repeated."""
    proxy = _text(target, "proxy-url")
    if proxy and not proxy.startswith(_PROXY_SCHEMES):
        raise CredentialsError("proxy-url of the kubeconfig's cluster must begin with http:// or https://")
    return proxy


def _has_header(identity: Mapping[str, Any]) -> bool:
    return bool(identity.keys() & {"token", "tokenFile", "username"})


def _headers(identity: Mapping[str, Any], here: Path) -> dict[str, str]:
    token = _text(identity, "token")
    if path := _text(identity, "tokenFile"):
        token = _read_token(here / Path(path).expanduser()) or token  # the file wins, as in client-go
    if token:
        return {"Authorization": f"Bearer {_one_line(token)}"}
    if username := _text(identity, "username"):
        both = f"{username}:{_text(identity, 'password')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}
    if "auth-provider" in identity:
        raise CredentialsError("a kubeconfig's auth-provider is not supported; use an exec plug-in or a token")
    return {}


def _read_token(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(2**16).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise CredentialsError(f"tokenFile {path} cannot be read: {why}") from None


def _one_line(token: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsError("a kubeconfig's token must be one word of ASCII")
    return token


def _imidentityation(identity: Mapping[str, Any]) -> dict[str, str]:
    if identity.get("as-groups") or identity.get("as-user-extra"):
        raise CredentialsError("as-groups and as-user-extra of a kubeconfig's user are not supported")
    names = {"Impersonate-User": _text(identity, "as"), "Impersonate-Uid": _text(identity, "as-uid")}
    return {header: value for header, value in names.items() if value}


def _pem(entry: Mapping[str, Any], here: Path, name: str) -> Pem | None:
    """The text wins over the file, as in kubectl."""
    if data := _text(entry, f"{name}-data"):
        return Pem(f"{name}-data", text=data.encode())
    if path := _text(entry, name):
        return Pem(name, path=str(here / Path(path).expanduser()))
    return None


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CredentialsError(f"{name} of a kubeconfig must be text")
    return value
