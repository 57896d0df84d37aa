"""Kubeconfig files, read as kubectl reads them; and what is wrong with those that cannot be used."""

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from meetup_feed_operator.kubernetes.connection import Connection, CredentialsError, tls_context
from meetup_feed_operator.kubernetes.credentials import Credentials
from meetup_feed_operator.kubernetes.kubeconfig import read_kubeconfig

TOKEN = "s3cret-token"


def a_config(user: Any = None, cluster: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "https://h:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        **more,
    }


def written(folder: Path, config: Any, name: str = "config") -> str:
    path = folder / name
    path.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    return str(path)


def read(folder: Path, user: Any = None, cluster: Any = None, **more: Any) -> Connection:
    return read_kubeconfig(written(folder, a_config(user, cluster, **more)))


def authorization(connection: Connection) -> str:
    return connection.headers["Authorization"]


def test_a_token_and_a_server_are_read(tmp_path: Path) -> None:
    connection = read(tmp_path)
    assert (connection.server, authorization(connection)) == ("https://h:6443", f"Bearer {TOKEN}")
    assert TOKEN not in repr(connection)


def test_a_token_file_is_relative_to_its_kubeconfig_and_wins_over_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert authorization(read(tmp_path, {"tokenFile": "token", "token": "old"})) == "Bearer from-file"


def test_a_user_and_password_are_sent_as_basic(tmp_path: Path) -> None:
    expected = base64.b64encode(b"jo:pw").decode()
    assert authorization(read(tmp_path, {"username": "jo", "password": "pw"})) == f"Basic {expected}"


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    connection = read(folder, cluster={"certificate-authority": "ca.crt"})
    assert connection.authority is not None
    assert connection.authority.path == str(folder / "ca.crt")


def test_of_several_files_the_first_to_name_a_thing_wins_and_missing_ones_are_passed_over(tmp_path: Path) -> None:
    first = written(tmp_path, {"users": [{"name": "u", "user": {"token": "first"}}]}, "first")
    second = written(tmp_path, a_config({"token": "second", "username": "never"}), "second")
    paths = os.pathsep.join(["", str(tmp_path / "missing"), first, second, ""])
    assert authorization(read_kubeconfig(paths)) == "Bearer first"


def test_the_name_of_the_servers_certificate_the_proxy_and_impersonation_are_read(tmp_path: Path) -> None:
    cluster = {"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128", "insecure-skip-tls-verify": True}
    connection = read(tmp_path, {"token": TOKEN, "as": "jo"}, cluster)
    assert (connection.tls_server_name, connection.proxy_url, connection.insecure) == (
        "kubernetes",
        "http://proxy:3128",
        True,
    )
    assert connection.headers["Impersonate-User"] == "jo"
    assert tls_context(connection).check_hostname is False


def a_plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", **more}}


def test_an_exec_plug_in_gives_a_token_and_is_asked_as_kubectl_asks(tmp_path: Path) -> None:
    script = f"""
    echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info
    printf '{{"kind": "ExecCredential", "status": {{"token": "%s-%s"}}}}' "$1" "$NAME"
    """
    plugin = a_plugin(tmp_path, script, args=["token"], env=[{"name": "NAME", "value": "jo"}])
    assert authorization(read(tmp_path, plugin)) == "Bearer token-jo"
    assert json.loads((tmp_path / "info").read_text())["spec"] == {"interactive": False}


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'token expired: log in again' >&2; exit 3", "ended with 3: token expired: log in again"),
        ("printf '\\033[31mred\\033[0m\\nline' >&2; exit 1", "ended with 1: red line"),
        ("echo nothing", "wrote no ExecCredential"),
        ("echo '{}'", "wrote no ExecCredential"),
        ("echo '[]'", "wrote no ExecCredential"),
        ("""echo '{"status": {}}'""", "neither a token nor a certificate"),
        ("""printf '{"status": {"token": "a\\\\nb"}}'""", "not one line of ASCII"),
        ("head -c 3000000 /dev/zero | tr '\\0' '['", "wrote no ExecCredential"),
    ],
)
def test_an_exec_plug_in_that_gives_nothing_says_why(tmp_path: Path, script: str, told: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        read(tmp_path, a_plugin(tmp_path, script))
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ({"command": "/nonexistent/plugin"}, "cannot be run: No such file"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "must have apiVersion"),
        ({"interactiveMode": "Always"}, "asks for input"),
        ({"command": ""}, "must name a command"),
        ({"env": "NAME=jo"}, "must be lists"),
    ],
)
def test_an_exec_plug_in_that_cannot_be_asked_says_why(tmp_path: Path, plugin: dict[str, Any], told: str) -> None:
    with pytest.raises(CredentialsError, match=told):
        read(tmp_path, a_plugin(tmp_path, "exit 0", **plugin))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("", "names no current-context"),
        ("null", "names no current-context"),
        ("[]", "must be a map"),
        ("text", "must be a map"),
        ("{", "is not YAML"),
        ("a: [" * 5000, "is not YAML"),
        ("\x00", "is not YAML"),
        ("!!python/object/apply:os.system [id]", "is not YAML"),
        (a_config(clusters=None), "names cluster 'k', which it does not hold"),
        (a_config(users=None), "names user 'u', which it does not hold"),
        (a_config(contexts=None), "names context 'c', which it does not hold"),
        (a_config(clusters={}), "clusters must be a list"),
        (a_config(clusters=[None]), "clusters must be a list"),
        (a_config(clusters=[{"cluster": {}}]), "clusters must be a list"),
        (a_config(clusters=[{"name": "k", "cluster": "text"}]), "cluster k must be a map"),
        (a_config(clusters=[{"name": "k", "cluster": None}]), "server of the kubeconfig's cluster must begin"),
        (a_config(contexts=[{"name": "c", "context": {}}]), "names no cluster"),
        (a_config(cluster={"server": ""}), "server of the kubeconfig's cluster must begin with"),
        (a_config(cluster={"server": "h:6443"}), "server of the kubeconfig's cluster must begin with"),
        (a_config(cluster={"server": 6443}), "server of a kubeconfig must be text"),
        (a_config(cluster={"server": "https://u:pw@h"}), "must not hold a user"),
        (a_config(cluster={"proxy-url": "socks5://h"}), "proxy-url of the kubeconfig's cluster must begin"),
        (a_config(cluster={"certificate-authority": "ca", "insecure-skip-tls-verify": True}), "or insecure-skip"),
        (a_config({"token": ["a"]}), "token of a kubeconfig must be text"),
        (a_config({"token": "a\nb"}), "one word of ASCII"),
        (a_config({"token": "t\u00f6ken"}), "one word of ASCII"),
        (a_config({"tokenFile": "missing"}), "missing cannot be read: No such file"),
        (a_config({"auth-provider": {"name": "gcp"}}), "auth-provider is not supported"),
        (a_config({"token": TOKEN, "as-groups": ["g"]}), "as-groups"),
        (a_config({"client-certificate": "c.crt"}), "needs both client-certificate and client-key"),
        (a_config({"exec": None}), "exec of a kubeconfig's user must name a command"),
        (a_config(**{"current-context": "other"}), "names context 'other'"),
        (a_config(**{"current-context": ["c"]}), "current-context of a kubeconfig must be text"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why_and_repeats_no_secret(
    tmp_path: Path, config: Any, told: str
) -> None:
    with pytest.raises(CredentialsError) as caught:
        read_kubeconfig(written(tmp_path, config))
    assert told in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("paths", ["/nonexistent/a", "/nonexistent/a:/nonexistent/b"])
def test_files_of_which_none_is_there_are_named(paths: str) -> None:
    with pytest.raises(CredentialsError, match="there is no kubeconfig at /nonexistent/a"):
        read_kubeconfig(paths)


def test_a_folder_for_a_kubeconfig_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="cannot be read: Is a directory"):
        read_kubeconfig(str(tmp_path))


@pytest.mark.parametrize(
    ("cluster", "user", "told"),
    [
        ({"certificate-authority": "missing.crt"}, None, "certificate-authority .*missing.crt cannot be used: No such"),
        ({"certificate-authority": "broken.crt"}, None, "broken.crt cannot be used: it is no valid PEM"),
        ({"certificate-authority-data": "%%%"}, None, "certificate-authority-data cannot be used"),
        ({"certificate-authority-data": "bm90aGluZw=="}, None, "certificate-authority-data cannot be used"),
        (None, {"client-certificate": "broken.crt", "client-key": "broken.crt"}, "broken.crt cannot be used"),
        (None, {"client-certificate": "missing.crt", "client-key": "missing.key"}, "cannot be used: No such file"),
        (None, {"client-certificate-data": "eA==", "client-key-data": "eA=="}, "client-key-data cannot be used"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_named(
    tmp_path: Path, cluster: dict[str, Any] | None, user: dict[str, Any] | None, told: str
) -> None:
    (tmp_path / "broken.crt").write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    connection = read(tmp_path, user, cluster)
    with pytest.raises(CredentialsError, match=told):
        tls_context(connection)


def test_credentials_are_read_again_after_a_minute_and_after_a_refusal() -> None:
    now, tokens = [0.0], iter("abc")
    credentials = Credentials(lambda: Connection("https://h", {"Authorization": next(tokens)}), clock=lambda: now[0])
    assert credentials.headers() == credentials.headers() == {"Authorization": "a"}
    now[0] = 61.0
    assert credentials.headers() == {"Authorization": "b"}
    credentials.refused()
    assert credentials.headers() == {"Authorization": "b"}
    now[0] += 2.0
    assert credentials.headers() == {"Authorization": "c"}
