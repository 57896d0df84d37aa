"""``python services/alert-webhook/tests/measure_redaction.py``: what is missed, and what is blanked for nothing.

Prints both rates by kind over ``redaction_corpus``, and beside them those of detect-secrets' detectors alone.
``--list`` prints each text that is wrong.
"""

import sys
from collections.abc import Callable

from meetup_alert_webhook.text.redaction import redacted
from meetup_alert_webhook.text.redaction.tokens import without_known_formats
from redaction_corpus import harmless_texts, leaked, secret_texts, split


def missed(redact: Callable[[str], str]) -> list[tuple[str, str]]:
    """Kind and text of each secret that is left, in part at least."""
    return [
        (kind, text)
        for kind, text in secret_texts()
        for plain, secrets in [split(text)]
        if leaked(redact(plain), secrets)
    ]


def blanked(redact: Callable[[str], str]) -> list[tuple[str, str]]:
    """Kind and text of each harmless text that is changed."""
    return [(kind, text) for kind, text in harmless_texts() if redact(text) != text]


def main() -> None:
    ways: tuple[tuple[str, Callable[[str], str]], ...] = (("ours", redacted), ("formats", without_known_formats))
    for name, texts, wrong in (("missed", secret_texts(), missed), ("blanked", harmless_texts(), blanked)):
        found = [wrong(redact) for _, redact in ways]
        print(f"\n{name:<24}{'of':>6}" + "".join(f"{way:>10}" for way, _ in ways))
        for kind in dict.fromkeys(kind for kind, _ in texts):
            counts = (sum(each == kind for each, _ in some) for some in found)
            print(f"  {kind:<22}{sum(each == kind for each, _ in texts):>6}" + "".join(f"{n:>10}" for n in counts))
        print(f"  {'all':<22}{len(texts):>6}" + "".join(f"{len(some):>10}" for some in found))
        if "--list" in sys.argv:
            print("".join(f"    {kind}: {text}\n" for kind, text in found[0]))


if __name__ == "__main__":
    main()
