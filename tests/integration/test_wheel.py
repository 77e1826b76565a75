"""The wheel alone is enough: packs, example, types and the demo come with it. No network, nothing of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.together

ROOT = Path(__file__).parents[2]
ENOUGH_SECONDS = 300


@dataclass(frozen=True)
class Installed:
    """An environment in which only the wheel is installed; what it depends on is taken from that of the tests."""

    wheel: Path
    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        scripts = self.folder / "venv/bin"
        return subprocess.run(
            [str(scripts / command[0]), *command[1:]],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=ENOUGH_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=ENOUGH_SECONDS)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = str(folder / "venv/bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=ENOUGH_SECONDS)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    # A path in a .pth is searched, but no .pth in it is read: the editable install of the tests is not seen.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return Installed(wheel, folder)


def test_it_holds_packs_example_and_types(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    of_the_folder = {
        f"fhir_msc/_shipped/{path.relative_to(ROOT)}"
        for top in ("mappings", "examples")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix in (".yaml", ".csv", ".toml", ".json", ".md")
    }
    assert of_the_folder - names == set()
    assert {"fhir_msc/py.typed", "fhir_msc/testing/__init__.py", "fhir_msc/validation/r4.json"} <= names
    assert not any(name.endswith(("/secret", ".db", ".pyc")) or "/state/" in name for name in names)


def test_it_is_what_runs(installed: Installed) -> None:
    ask = "import fhir_msc, fhir_msc.testing as testing; print(fhir_msc.__file__); print(fhir_msc.find_pack('sdtm'))"
    done = installed.run("python", "-c", ask)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert Path(line).is_relative_to(installed.folder), line


def test_the_demo(installed: Installed) -> None:
    done = installed.run("fhir-msc", "demo", "--directory", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Mapped, checked and stored" in done.stdout
    assert "A second sync writes nothing: 0 writes." in done.stdout


def test_the_packs_that_ship_hold(installed: Installed) -> None:
    for pack in ("sdtm", "misle-redcap"):
        done = installed.run("fhir-msc", "mapping", "check", pack)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_come_with_it(installed: Installed) -> None:
    done = installed.run("fhir-msc", "validate", "--explain", "MSC-MAP-001")
    assert (done.returncode, "A cell cannot be read" in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_version_is_that_of_the_project(installed: Installed) -> None:
    ask = "import fhir_msc, importlib.metadata as m; print(fhir_msc.__version__, m.version('fhir-msc'))"
    done = installed.run("python", "-c", ask)
    assert len(set(done.stdout.split())) == 1, done.stdout + done.stderr
