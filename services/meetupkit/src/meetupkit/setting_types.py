"""The types of settings that more than one service has."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from meetupkit.urls import checked_http_url

HttpUrl = Annotated[str, AfterValidator(checked_http_url)]
"""``http(s)://host[:port][/path]`` without a user; see ``meetupkit.urls``."""

OptionalHttpUrl = Annotated[str, AfterValidator(lambda text: checked_http_url(text) if text else text)]
"""The same, or empty for none."""

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
"""The lowest severity that is logged."""
