"""The types of Config Connector's resources, as npm's ``@kubernetes-models/gke`` makes them of its CRDs."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

from .helm import Manifest
from .tools import TOOLS, locked

_PACKAGES: Final = ("@kubernetes-models/gke@4.6.2", "typescript@5.9.3")
_FOLDER: Final = TOOLS / "config-connector-4.6.2"
_SECONDS: Final = 300
_OPTIONS: Final = ("--noEmit", "--skipLibCheck", "--module", "commonjs", "--moduleResolution", "node")


def mistakes(manifests: list[Manifest]) -> list[str]:
    """What TypeScript says: fields that do not exist, that are missing, or are of another type."""
    folder = _installed()
    lines = []
    for number, manifest in enumerate(manifests):
        kind, module = manifest["kind"], f"@kubernetes-models/gke/{manifest['apiVersion']}/{manifest['kind']}"
        lines.append(f'import {{ I{kind} as T{number} }} from "{module}";')
        lines.append(f"export const o{number}: T{number} = {json.dumps(manifest)};")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        source = Path(scratch) / "objects.ts"
        source.write_text("\n".join(lines))
        command = [str(folder / "node_modules" / ".bin" / "tsc"), *_OPTIONS, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    return re.findall(r"error (TS\d+: .*)", done.stdout) or ([done.stdout + done.stderr] if done.returncode else [])


def knows(manifest: Manifest) -> bool:
    """Whether the package has a type for the kind."""
    module = _installed() / "node_modules/@kubernetes-models/gke" / manifest["apiVersion"] / f"{manifest['kind']}.d.ts"
    return bool(module.is_file())


def _installed() -> Path:
    """The folder of the packages; skips the test where they cannot be had, in CI too: nothing else here needs npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm, with which the types of Config Connector come")
    with locked():
        if not _FOLDER.is_dir():
            with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
                target = Path(scratch) / "target"
                options = ["--prefix", str(target), "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
                done = subprocess.run(
                    [npm, "install", *options, *_PACKAGES], capture_output=True, text=True, timeout=_SECONDS
                )
                if done.returncode:
                    pytest.skip(f"npm could not install the types of Config Connector: {done.stderr[-300:]}")
                target.rename(_FOLDER)
    return _FOLDER
