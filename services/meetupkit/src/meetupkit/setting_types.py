"""The types of settings that more than one service has."""

from typing import Annotated, Literal

from pydantic import AfterValidator, SecretStr

from meetupkit.urls import checked_http_url


def _checked_secret(url: SecretStr) -> SecretStr:
    checked_http_url(url.get_secret_value())
    return url


HttpUrl = Annotated[str, AfterValidator(checked_http_url)]
"""``http(s)://host[:port][/path]`` without a user; see ``meetupkit.urls``."""

SecretHttpUrl = Annotated[SecretStr, AfterValidator(_checked_secret)]
"""The same, where the address itself is a secret: no error and no log shows it."""

OptionalHttpUrl = Annotated[str, AfterValidator(lambda text: checked_http_url(text) if text else text)]
"""The same, or empty for none."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
"""The lowest severity that is logged."""
