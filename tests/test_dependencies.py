"""Each package names what its code imports, and nothing else: whoever installs it alone has what it needs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

SERVICES: Final = Path(__file__).parents[1] / "services"
PACKAGES: Final = sorted(path.parent.name for path in SERVICES.glob("*/pyproject.toml"))
DISTRIBUTIONS: Final[Mapping[str, str]] = {
    "google.auth": "google-auth",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.firestore_v1": "google-cloud-firestore",
    "google.cloud.logging_v2": "google-cloud-logging",
    "google.cloud.storage": "google-cloud-storage",
    "google.oauth2": "google-auth",
    "graphql": "graphql-core",
    "ibis": "ibis-framework",
    "jwt": "pyjwt",
    "yaml": "pyyaml",
}
"""By module, where the names differ in more than case, dashes and underscores."""
BROUGHT: Final[Mapping[str, str]] = {
    "anyio": "fastapi",
    "cryptography": "pyjwt",  # its extra "crypto"
    "google.api_core": "google-cloud-",
    "grpc": "google-cloud-firestore",
    "pydantic_core": "pydantic",
    "starlette": "fastapi",
    "yarl": "aiohttp",
}
"""Parts of a library's own interface (what it raises and takes) that are distributions of their own: by what brings
them, or the beginning of its name."""
NOT_IMPORTED: Final[Mapping[str, str]] = {
    "meetup-alert-webhook": "is started as a program",
    "meetup-enricher": "is started as a program",
    "meetup-simulator": "is started as a program",
    "meetup-stream": "is started as a program",
    "tzdata": "is data, for machines without a database of time zones",
}


def imported(package: Path) -> Iterator[str]:
    """Modules from elsewhere that the package's code imports."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                # "from google.cloud import storage" imports a module, "from google.auth import default" does not
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def distribution(module: str) -> str | None:
    """What must be named for a module to be there; ``None`` for Python's own."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    for prefix, name in {**DISTRIBUTIONS, **BROUGHT}.items():
        if f"{module}.".startswith(f"{prefix}."):
            return name
    return canonical(module.partition(".")[0])


def canonical(name: str) -> str:
    """As the package index compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ;]", name)[0]).lower()


def is_for(name: str, need: str) -> bool:
    """Whether a dependency is what is needed; of Google's clients any brings what they share."""
    return name.startswith(need) if need.endswith("-") else name == need


def named(project: Mapping[str, object]) -> set[str]:
    """Its dependencies, those of its extras too."""
    found = list[str](project.get("dependencies", []))  # type: ignore[call-overload]  # TOML has no types
    for some in dict[str, list[str]](project.get("optional-dependencies", {})).values():  # type: ignore[call-overload]  # the same
        found += some
    return {canonical(each) for each in found}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_what_it_imports_and_nothing_else(package: str) -> None:
    project = tomllib.loads((SERVICES / package / "pyproject.toml").read_text())["project"]
    names = named(project)
    needed = {name for module in imported(SERVICES / package / "src") if (name := distribution(module))}
    needed -= {canonical(project["name"])}
    assert not {need for need in needed if not any(is_for(name, need) for name in names)}
    assert not {name for name in names - NOT_IMPORTED.keys() if not any(is_for(name, need) for need in needed)}


def test_what_is_not_named_is_found() -> None:
    assert distribution("google.cloud.storage.exceptions") == "google-cloud-storage"
    assert distribution("google.api_core.exceptions.NotFound") == "google-cloud-"
    assert distribution("prometheus_client.Counter") == "prometheus-client"
    assert distribution("json.decoder") is None
