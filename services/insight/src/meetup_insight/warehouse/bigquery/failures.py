"""What BigQuery's answers mean: which may pass, and what the operator must correct. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from meetupkit.errors import StoreUnavailable
from meetupkit.foreign_text import printable
from requests.exceptions import RequestException, TooManyRedirects

from meetup_insight.errors import WarehouseRefused, WarehouseUnavailable

ANOTHER: Final = "meetup_insight_another_build"
"""What a script fails with when it is no longer the one that writes."""
_PASSING: Final = frozenset(
    {
        "backendError",
        "badGateway",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "quotaExceeded",
        "rateLimitExceeded",
        "tableUnavailable",
    }
)
"""Reasons that BigQuery's documents ask to try again for."""
_CONFLICT: Final = "concurrent update"
"""In the message of a transaction that met another one: nothing of it is there."""
_PASSING_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
_MOST_LETTERS: Final = 300


class AnotherBuild(WarehouseUnavailable):
    """A later build has taken over: trying again within this one is of no use."""


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises ``WarehouseUnavailable`` for what may pass and ``WarehouseRefused`` for the rest of Google's errors."""
    try:
        yield
    except DefaultCredentialsError:
        raise WarehouseRefused(
            f"{place}: no Google credentials: run `gcloud auth application-default login`,"
            " or give the pod a service account"
        ) from None
    except TooManyRedirects:
        raise WarehouseRefused(f"{place}: something that redirects answered in BigQuery's place") from None
    except (TransportError, RequestException, RetryError, StoreUnavailable) as error:
        raise WarehouseUnavailable(f"{place} cannot be reached: {_said(error)}") from None
    except GoogleAuthError as error:
        if error.retryable:
            raise WarehouseUnavailable(f"{place}: no token yet: {_said(error)}") from None
        raise WarehouseRefused(f"{place}: Google refuses the credentials: {_said(error)}") from None
    except GoogleAPICallError as error:
        raise failure(place, error) from None
    except ValueError as error:  # Google's client, of an answer that is no JSON
        raise WarehouseUnavailable(f"{place}: the answer is not BigQuery's: {_said(error)}") from None


def failure(place: str, error: GoogleAPICallError) -> WarehouseRefused | WarehouseUnavailable:
    """What an answer with a status means."""
    details = [each for each in error.errors or () if isinstance(each, dict)]
    said = _said(details[0].get("message") if details else error.message)
    if ANOTHER in said:
        return AnotherBuild(f"{place} is being written by another build")
    reasons = {str(each.get("reason")) for each in details}
    if error.code in _PASSING_CODES or _CONFLICT in said or reasons & _PASSING:
        return WarehouseUnavailable(f"{place}: {said}")
    return WarehouseRefused(f"{place}: {said}")


def is_known_job(error: GoogleAPICallError) -> bool:
    """An id that BigQuery has seen: the request before this one had arrived."""
    return error.code == 409


def _said(error: object) -> str:
    return printable(str(error))[:_MOST_LETTERS]
