"""Both Helms that the chart is for."""

from typing import Final

import pytest

from .helm import Helm, Manifest
from .tools import KUBECTL_34, KUBECTL_37, Package, program

_HELMS: Final = {"helm-3.19": KUBECTL_34, "helm-4.3": KUBECTL_37}


@pytest.fixture(scope="session", params=list(_HELMS.values()), ids=list(_HELMS))
def helm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Each Helm in turn."""
    package: Package = request.param
    return Helm(program(package, "helm"), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def newest_helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """For what does not depend on Helm's version."""
    return Helm(program(KUBECTL_37, "helm"), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def manifests(helm: Helm) -> list[Manifest]:
    """The release with no more values than must be set."""
    return helm.template()
