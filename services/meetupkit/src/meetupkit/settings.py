"""From the environment to frozen, typed settings, with every mistake in one message.

A service's settings are one class::

    class StreamSettings(Settings, prefix="STREAM_"):
        feed: str = Field(description="Which row of the feed table.")

``STREAM_FEED`` fills ``feed``. A field of type ``SecretStr`` may come from a mounted file instead,
which ``..._FILE`` names.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, Self, get_args

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

EXIT_CODE: Final = 2
"""What a service exits with when its settings must be changed (also what shells use for wrong usage)."""
_FILE_SUFFIX: Final = "_FILE"
_SECRET_FILE_BYTES: Final = 64 * 1024
"""A mounted secret is a key or a token; anything larger is the wrong file."""


class SettingsError(Exception):
    """One line a mistake, each naming its variable."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Settings(BaseModel):
    """The base of every service's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    prefix: ClassVar[str] = ""

    def __init_subclass__(cls, prefix: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.prefix = prefix or cls.prefix

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable that fills the field."""
        return f"{cls.prefix}{field.upper()}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read every variable with the prefix; raise ``SettingsError`` with all mistakes, unknown names among them.

        An empty variable counts as not set, as charts and compose files write them.
        """
        mistakes: list[str] = []
        values: dict[str, str] = {}
        known: set[str] = set()
        for name, info in cls.model_fields.items():
            variable = cls.variable(name)
            known.add(variable)
            if environ.get(variable):
                values[name] = environ[variable]
            if _is_secret(info):
                known.add(variable + _FILE_SUFFIX)
                if path := environ.get(variable + _FILE_SUFFIX):
                    if name in values:
                        mistakes.append(f"{variable} and {variable + _FILE_SUFFIX}: set one of the two")
                    else:
                        values[name] = _read_secret(variable + _FILE_SUFFIX, path, mistakes)
        mistakes += (
            f"{variable}: no such setting"
            for variable in sorted(environ)
            if cls.prefix and variable.startswith(cls.prefix) and variable not in known and not _injected(variable)
        )
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            mistakes += _in_words(cls, error)
        if mistakes:
            raise SettingsError(mistakes)
        return settings

    @classmethod
    def or_exit(cls, environ: Mapping[str, str]) -> Self:
        """``from_environ``, but a mistake ends the process with ``EXIT_CODE`` and says all of them on stderr."""
        try:
            return cls.from_environ(environ)
        except SettingsError as error:
            exit_with("wrong settings:\n" + "\n".join(f"  {mistake}" for mistake in error.mistakes))


def exit_with(message: str) -> NoReturn:
    """End the process because operator action is required: one message on stderr and ``EXIT_CODE``, no traceback."""
    sys.stderr.write(f"{message}\n")
    sys.exit(EXIT_CODE)


def documented(cls: type[Settings]) -> Iterator[tuple[str, str, str]]:
    """Variable, default and meaning of each setting, for the README's table and the test that keeps it true."""
    for name, info in cls.model_fields.items():
        variable = cls.variable(name) + (f" or {cls.variable(name)}{_FILE_SUFFIX}" if _is_secret(info) else "")
        yield variable, _default(info), info.description or ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True, validated_data={})
    return "" if default is None or default == "" else str(getattr(default, "value", default))


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in _parts(info.annotation)


def _parts(annotation: Any) -> Iterator[Any]:
    """The annotation and what it is made of: ``Annotated[SecretStr, ...] | None`` holds ``SecretStr``."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _read_secret(variable: str, path: str, mistakes: list[str]) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_SECRET_FILE_BYTES + 1)
        if len(content) > _SECRET_FILE_BYTES:
            mistakes.append(f"{variable}: {path} is too large to be a secret")
        return content.decode().strip()
    except OSError as error:
        mistakes.append(f"{variable}: {path}: {error.strerror}")
    except UnicodeDecodeError:
        mistakes.append(f"{variable}: {path} is not UTF-8 text")
    return "unread"  # keeps "required" from being reported for a secret that was given, but could not be read


def _injected(variable: str) -> bool:
    """Kubernetes puts ``<SERVICE>_PORT_...`` and ``<SERVICE>_SERVICE_...`` into pods unless told not to."""
    return "_SERVICE_" in variable or "_PORT_" in variable


def _in_words(cls: type[Settings], error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False, include_input=False):
        where = cls.variable(str(mistake["loc"][0])) if mistake["loc"] else cls.prefix + "*"
        what = "required, but not set" if mistake["type"] == "missing" else mistake["msg"]
        yield f"{where}: {what.removeprefix('Value error, ')}"
