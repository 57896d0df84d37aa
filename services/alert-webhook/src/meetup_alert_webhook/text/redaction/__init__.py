"""Takes secrets out of text that other programs wrote. No I/O.

Log lines and annotations are written by whoever wrote them; a channel is read by many. What looks like a credential
is replaced by what it was, and a link that holds one is left out. It is a second line of defence: programs must not
log secrets in the first place.

Formats of tokens come from detect-secrets (and a table of beginnings, for those that are cut); what is secret by its
place (a name before it, a header, an address, a command) is found here. Every expression is linear in the text.
``tests/measure_redaction.py`` prints how much is missed and how much is blanked for nothing.
"""

from meetup_alert_webhook.text.redaction.addresses import without_userinfo
from meetup_alert_webhook.text.redaction.assignments import without_named
from meetup_alert_webhook.text.redaction.commands import without_arguments
from meetup_alert_webhook.text.redaction.markup import without_elements
from meetup_alert_webhook.text.redaction.names import is_no_value, is_secret_name
from meetup_alert_webhook.text.redaction.private_keys import without_private_keys
from meetup_alert_webhook.text.redaction.tokens import without_tokens

__all__ = ["is_no_value", "is_secret_name", "redacted"]

_STEPS = (without_private_keys, without_userinfo, without_elements, without_named, without_arguments, without_tokens)
"""What spans lines first, what is told by its form alone last."""


def redacted(text: str) -> str:
    """The text with ``[removed]``, or what it was, in the place of each credential."""
    for step in _STEPS:
        text = step(text)
    return text
