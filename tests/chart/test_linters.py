"""What other people's checkers say of the chart and of the recipe of the images; what is accepted has its reason."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from .helm import CHART, LEAST, Helm
from .tools import HADOLINT, REPOSITORY, TRIVY, program, quiet_environment, uv
from .variants import VARIANTS

_CHECKOV: Final = "checkov==3.3.30"
_ACCEPTED: Final = {
    "KSV-0011": "no CPU limits: a service that catches up may use what the node has spare",
    "KSV-0048": "the operator manages Deployments: that is what it is for",
    "KSV-0056": "the operator manages NetworkPolicies: that is what it is for",
    "KSV-0125": "image.repository is the installer's to set",
    "CKV_K8S_8": "a test's pod runs once",
    "CKV_K8S_9": "a test's pod runs once",
    "CKV_K8S_11": "as KSV-0011",
    "CKV_K8S_15": "tags are never moved",
    "CKV_K8S_38": "the operator speaks to the API server",
    "CKV_K8S_43": "image.digests is the installer's to set",
}
_ACCEPTED_OF_IMAGES: Final = {"DS-0026": "Kubernetes takes no notice of HEALTHCHECK; the chart has probes"}


@pytest.fixture(params=["least", "everything", "all-namespaces"])
def rendered(request: pytest.FixtureRequest, newest_helm: Helm, tmp_path: Path) -> Path:
    """A folder with one release's manifests."""
    (tmp_path / "manifests.yaml").write_text(yaml.safe_dump_all(newest_helm.template(VARIANTS[request.param])))
    return tmp_path


def test_helm_has_no_warning(helm: Helm) -> None:
    assert "[WARNING]" not in helm.run("lint", "--strict", str(CHART), values=LEAST)


@pytest.mark.linters
def test_the_recipe_of_the_images_is_clean() -> None:
    hadolint = program(HADOLINT, "hadolint")
    done = subprocess.run([hadolint, "services/Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.linters
def test_trivy_finds_nothing_unexplained_in_the_manifests(rendered: Path) -> None:
    assert not _trivy(rendered, rendered).keys() - _ACCEPTED.keys()


@pytest.mark.linters
def test_trivy_finds_nothing_unexplained_in_the_recipe_of_the_images(tmp_path: Path) -> None:
    assert not _trivy(REPOSITORY / "services" / "Dockerfile", tmp_path).keys() - _ACCEPTED_OF_IMAGES.keys()


@pytest.mark.timeout(600)  # its first run installs it: some hundred packages
@pytest.mark.linters
def test_checkov_finds_nothing_unexplained_in_the_manifests(rendered: Path) -> None:
    command = [uv(), "tool", "run", "--quiet", "--python", "3.11", "--from", _CHECKOV, "checkov", "--skip-download"]
    command += ["--directory", str(rendered), "--framework", "kubernetes", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    if not done.stdout:
        pytest.skip(f"part absent: {_CHECKOV} could not be run: {done.stderr[-300:]}")
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 100, "it checked next to nothing"
    failed: list[dict[str, Any]] = report["results"]["failed_checks"]
    assert not [f"{f['check_id']} {f['resource']}" for f in failed if f["check_id"] not in _ACCEPTED]


def test_every_accepted_finding_is_explained_in_the_readme() -> None:
    readme = (CHART / "README.md").read_text()
    for finding in _ACCEPTED:
        assert finding in readme, f"{finding} is accepted without a word"


def _trivy(what: Path, home: Path) -> dict[str, str]:
    """Findings and where, without asking the network for newer checks."""
    trivy = program(TRIVY, "trivy")
    command = [str(trivy), "config", "--skip-check-update", "--quiet", "--format", "json", str(what)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=quiet_environment(home))
    results = json.loads(done.stdout)["Results"]
    assert sum(result["MisconfSummary"]["Successes"] for result in results) > 10, "it checked next to nothing"
    return {
        finding["ID"]: f"{finding['Title']}: {finding['Message']}"
        for result in results
        for finding in result.get("Misconfigurations", [])
    }
