"""Times as the API server writes them. No I/O."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Whole seconds, in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
