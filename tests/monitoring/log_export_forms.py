"""The three forms of the log export, each read into the same value, so that they can be compared."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import hcl2
import yaml

FOLDER: Final = Path(__file__).parents[2] / "k8s" / "gcp"
SCRIPT: Final = FOLDER / "log-export.sh"
PROJECT: Final = "my-project"
VALUES: Final = {
    "project": PROJECT,
    "project_number": "123456789012",
    "region": "europe-west1",
    "cluster": "main",
    "namespace": "meetup",
    "webhook": "https://alerts.example.com",
}
"""What the manifests are written for; given to the two others."""

Attributes = dict[str, Any]


@dataclass
class Export:
    """All that the log export is made of."""

    bucket: Attributes = field(default_factory=dict)
    topics: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    subscriptions: dict[str, Attributes] = field(default_factory=dict)
    sinks: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Destination and filter."""
    grants: set[tuple[str, str, str]] = field(default_factory=set)
    """Role, on what, to whom; ``writer of SINK`` for the identity a sink writes as."""


def from_manifests() -> Export:
    """Config Connector."""
    export = Export()
    for manifest in yaml.safe_load_all((FOLDER / "log-export.yaml").read_text()):
        name, spec = manifest["metadata"]["name"], manifest.get("spec", {})
        match manifest["kind"]:
            case "StorageBucket":
                export.bucket = {
                    "name": name,
                    "location": spec["location"],
                    "uniform": spec["uniformBucketLevelAccess"],
                    "private": spec["publicAccessPrevention"] == "enforced",
                    "rules": [(rule["action"]["type"], rule["condition"]) for rule in spec["lifecycleRule"]],
                }
            case "PubSubTopic":
                export.topics.add(name)
            case "IAMServiceAccount":
                export.accounts.add(name)
            case "PubSubSubscription":
                export.subscriptions[name] = _subscription_of_manifest(spec)
            case "LoggingLogSink":
                assert spec["uniqueWriterIdentity"]
                export.sinks[name] = (_destination(spec["destination"]), spec["filter"])
            case "IAMPolicyMember":
                sink = spec.get("memberFrom", {}).get("logSinkRef", {}).get("name")
                member = f"writer of {sink}" if sink else spec["member"]
                export.grants.add((spec["role"], spec["resourceRef"]["name"], member))
    return export


def _destination(reference: Mapping[str, Any]) -> str:
    if bucket := reference.get("storageBucketRef"):
        return f"storage.googleapis.com/{bucket['name']}"
    return f"pubsub.googleapis.com/projects/{PROJECT}/topics/{reference['pubSubTopicRef']['name']}"


def _subscription_of_manifest(spec: Mapping[str, Any]) -> Attributes:
    push, dead = spec.get("pushConfig", {}), spec.get("deadLetterPolicy", {})
    return {
        "topic": spec["topicRef"]["name"],
        "ack": spec["ackDeadlineSeconds"],
        "retention": spec["messageRetentionDuration"],
        "lives for ever": spec["expirationPolicy"]["ttl"] == "",
        "endpoint": push.get("pushEndpoint"),
        "account": push.get("oidcToken", {}).get("serviceAccountEmail"),
        "audience": push.get("oidcToken", {}).get("audience"),
        "backoff": tuple(spec.get("retryPolicy", {}).values()),
        "dead letters": dead.get("deadLetterTopicRef", {}).get("name"),
        "attempts": dead.get("maxDeliveryAttempts"),
    }


def from_terraform() -> Export:
    """Terraform; references between resources are put in as Google's provider would."""
    with (FOLDER / "log-export.tf").open() as file:
        parsed = _plain(hcl2.load(file))
    made = {
        (kind, name): body for block in parsed["resource"] for kind, of in block.items() for name, body in of.items()
    }
    known = {f"var.{name}": value for name, value in VALUES.items()}
    known |= {f"local.{name}": _filled(text, known) for name, text in parsed["locals"][0].items()}
    for (kind, name), body in made.items():
        own = _filled(body.get("name") or body.get("account_id", ""), known)
        known[f"{kind}.{name}.writer_identity"] = f"writer of {own}"
        known[f"{kind}.{name}.email"] = f"{own}@{PROJECT}.iam.gserviceaccount.com"
        known[f"{kind}.{name}.name"] = own
        known[f"{kind}.{name}.id"] = f"projects/{PROJECT}/topics/{own}" if kind == "google_pubsub_topic" else own
    export = Export()
    for (kind, _), raw in made.items():
        body = _filled_all(raw, known)
        match kind.removeprefix("google_"):
            case "storage_bucket":
                rules = [(r["action"][0]["type"], r["condition"][0]) for r in body["lifecycle_rule"]]
                export.bucket = {
                    "name": body["name"],
                    "location": body["location"],
                    "uniform": body["uniform_bucket_level_access"],
                    "private": body["public_access_prevention"] == "enforced",
                    "rules": rules,
                }
            case "pubsub_topic":
                export.topics.add(body["name"])
            case "service_account":
                export.accounts.add(body["account_id"])
            case "pubsub_subscription":
                export.subscriptions[body["name"]] = _subscription_of_terraform(body)
            case "logging_project_sink":
                assert body["unique_writer_identity"]
                export.sinks[body["name"]] = (body["destination"], body["filter"])
            case _:
                on = next(body[key] for key in ("bucket", "topic", "subscription", "service_account_id") if key in body)
                export.grants.add((body["role"], _short(on), body["member"]))
    return export


def _subscription_of_terraform(body: Attributes) -> Attributes:
    push, dead = _block(body, "push_config"), _block(body, "dead_letter_policy")
    token, retry = _block(push, "oidc_token"), _block(body, "retry_policy")
    return {
        "topic": _short(body["topic"]),
        "ack": body["ack_deadline_seconds"],
        "retention": body["message_retention_duration"],
        "lives for ever": _block(body, "expiration_policy")["ttl"] == "",
        "endpoint": push.get("push_endpoint"),
        "account": token.get("service_account_email"),
        "audience": token.get("audience"),
        "backoff": tuple(retry.values()),
        "dead letters": _short(dead["dead_letter_topic"]) if dead else None,
        "attempts": dead.get("max_delivery_attempts"),
    }


def _block(body: Attributes, name: str) -> Attributes:
    return dict(body.get(name, [{}])[0])


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _plain(value: Any) -> Any:
    """Without the parser's marks: quotes around strings, and which objects were blocks."""
    if isinstance(value, dict):
        return {key.strip('"'): _plain(inner) for key, inner in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str) and value.startswith('"'):
        return value[1:-1].replace('\\"', '"')
    return value


def _filled(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$\{([\w.]+)\}", lambda found: known[found[1]], text)


def _filled_all(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled_all(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled_all(inner, known) for inner in value]
    return _filled(value, known) if isinstance(value, str) else value


def script(*arguments: str, path: str = "") -> list[list[str]]:
    """Run the script and return its lines as commands; ``path`` is looked through for programs first."""
    variables = {name.upper(): value for name, value in VALUES.items()}
    environ = {"PATH": f"{path}:{os.environ['PATH']}", **variables}
    done = subprocess.run([SCRIPT, *arguments], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return [shlex.split(line) for line in done.stdout.splitlines()]


def from_script(commands: list[list[str]]) -> Export:
    """What the gcloud commands make."""
    export = Export()
    for command in commands:
        words, flags = [w for w in command[1:] if not w.startswith("--")], dict(_flags(command))
        match words:
            case ["storage", "buckets", "create", url]:
                export.bucket |= {
                    "name": url.removeprefix("gs://"),
                    "location": flags["location"],
                    "uniform": "uniform-bucket-level-access" in flags,
                    "private": "public-access-prevention" in flags,
                }
            case ["storage", "buckets", "update", _]:
                rules = yaml.safe_load(Path(flags["lifecycle-file"]).read_text())["lifecycle"]["rule"]
                export.bucket["rules"] = [(rule["action"]["type"], rule["condition"]) for rule in rules]
            case ["pubsub", "topics", "create", name]:
                export.topics.add(name)
            case ["iam", "service-accounts", "create", name]:
                export.accounts.add(name)
            case ["pubsub", "subscriptions", "create", name]:
                export.subscriptions[name] = _subscription_of_flags(flags)
            case ["logging", "sinks", "create", name, destination]:
                export.sinks[name] = (destination, flags["log-filter"])
            case [*_, "add-iam-policy-binding", on]:
                resource = on.removeprefix("gs://").removesuffix(f"@{PROJECT}.iam.gserviceaccount.com")
                member = flags["member"].replace("WRITER-OF-", "writer of ")
                export.grants.add((flags["role"], resource, member))
            case _:
                raise AssertionError(f"a command that is not known here: {command}")
    return export


def _flags(command: list[str]) -> Iterator[tuple[str, str]]:
    for word in command:
        if word.startswith("--"):
            name, _, value = word.removeprefix("--").partition("=")
            yield name, value


def _subscription_of_flags(flags: Mapping[str, str]) -> Attributes:
    attempts = flags.get("max-delivery-attempts")
    delays = (flags.get("min-retry-delay"), flags.get("max-retry-delay"))
    return {
        "topic": flags["topic"],
        "ack": int(flags["ack-deadline"]),
        "retention": {"7d": "604800s"}[flags["message-retention-duration"]],
        "lives for ever": flags["expiration-period"] == "never",
        "endpoint": flags.get("push-endpoint"),
        "account": flags.get("push-auth-service-account"),
        "audience": flags.get("push-auth-token-audience"),
        "backoff": tuple(delay for delay in delays if delay),
        "dead letters": flags.get("dead-letter-topic"),
        "attempts": int(attempts) if attempts else None,
    }
