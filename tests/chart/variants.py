"""Values that people use, as overlays of what must be set: each test of a promise runs over all of them."""

from typing import Final

from .helm import Values

EVERYTHING: Final[Values] = {
    "fullnameOverride": "collector",
    "commonLabels": {"team": "data", "app.kubernetes.io/name": "not-ours-to-change"},
    "image": {
        "repository": "registry.example/meetup",
        "tag": "1.2.3",
        "pullSecrets": ["registry"],
        "digests": {"stream": "sha256:" + "a" * 64, "enricher": "sha256:" + "b" * 64},
    },
    "bucket": "meetup-records/2026",
    "google": {"database": "meetup"},
    "pods": {
        "priorityClassName": "important",
        "nodeSelector": {"cloud.google.com/gke-spot": "true"},
        "tolerations": [{"key": "spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
        "labels": {"cost": "meetup"},
        "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
    },
    "feeds": {
        "photos": {"layout": "batch", "label": "pictures", "readTimeoutSeconds": 1200},
        "rsvps": {"resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}}},
        "checkins": {
            "url": "https://stream.example/2/checkins",
            "row": {"idField": "checkin_id", "timeField": "mtime", "memberIdFields": ["member.member_id"]},
        },
        "quiet": {"enabled": True, "feed": "event_comments", "label": "comments-eu", "paused": True},
    },
    "streams": {"extraEnv": {"STREAM_LOG_LEVEL": "DEBUG"}, "serviceAccount": {"annotations": {"a": "b"}}},
    "operator": {"settings": {"logLevel": "DEBUG", "resyncSeconds": 30, "workers": 4}, "replicas": 2},
    "enricher": {
        "autoscaling": {"enabled": True},
        "apiUrl": "https://meetup.example:8443",
        "token": {"existingSecret": "enricher-token", "key": "bearer"},
        "settings": {"freshSeconds": 2_592_000, "lingerSeconds": 0.5, "membersCollection": "people"},
        "extraEnv": {
            "ENRICHER_LOG_LEVEL": "WARNING",
            "NODE": {"valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        },
    },
    "insight": {
        "enabled": True,
        "hashKey": {"existingSecret": "insight", "key": "key"},
        "visitors": ["ingress"],
        "volume": {"size": "100Gi", "storageClass": "premium-rwo"},
        "settings": {"rebuildSeconds": 7200, "memory": "4GB", "threads": 4},
    },
    "alertWebhook": {
        "autoscaling": {"enabled": True},
        "slack": {"urlKey": "", "tokenKey": "token", "channel": "#meetup"},
        "routes": {"default": "#meetup", "routes": [{"severity": ["critical"], "channel": "#oncall"}]},
        "pubsub": {"audience": "https://alerts.example/v1/log-export", "email": "push@p.iam.gserviceaccount.com"},
        "ingress": {"enabled": True, "host": "alerts.example", "tlsSecret": "alerts-tls"},
        "settings": {"bodyLimitBytes": 33_554_432, "heartbeatSeconds": 3600, "silenceSeconds": 0},
    },
    "networkPolicy": {"extraPorts": [8443]},
    "monitoring": {"prometheus": "operator", "rules": {"enabled": True}, "dashboards": {"enabled": True}},
}

VARIANTS: Final[dict[str, Values]] = {
    "least": {},
    "everything": EVERYTHING,
    "all-namespaces": {"operator": {"allNamespaces": True}, "monitoring": {"prometheus": "managed"}},
    "streams-only": {"enricher": {"enabled": False}, "alertWebhook": {"enabled": False}},
    "one-of-each": {"alertWebhook": {"replicas": 1}, "networkPolicy": {"enabled": False}},
    "todays-meetup": {
        "gateway": {
            "enabled": True,
            "client": {"existingSecret": "meetup-client", "key": "abc", "memberId": "1", "signingKeyId": "kid"},
            "contact": "mailto:me@example.org",
            "follow": {"networks": ["pydata"], "groups": ["hikers", {"urlname": "readers", "private": True}]},
            "members": "pseudonymous",
            "settings": {"floorSeconds": 120, "photos": True},
        }
    },
    "on-bigquery": {
        "insight": {
            "enabled": True,
            "hashKey": {"existingSecret": "insight"},
            "warehouse": "bigquery://my-project/meetup_insight",
        }
    },
    "operator-elsewhere": {"operator": {"enabled": False}},
}
