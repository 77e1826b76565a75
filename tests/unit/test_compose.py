"""docker-compose.yml: as the compose specification wants it, checked often, and with nothing left open by default."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def check(path: Path) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(asked, capture_output=True, text=True, check=False)


def test_it_is_as_the_specification_wants_it(tmp_path: Path) -> None:
    found = check(FILE)
    assert found.returncode == 0, found.stdout
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(TEXT.replace("healthcheck:", "heathcheck:", 1), "utf-8")
    assert check(wrong).returncode == 1, "the check can fail"


def test_every_service_is_checked_by_itself_or_from_beside() -> None:
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without == {"hapi"}
    assert SERVICES["probe"]["healthcheck"]["test"][-1] == "http://hapi:8080/fhir"
    assert SERVICES["worker"]["depends_on"] == {"probe": {"condition": "service_healthy"}}
    assert SERVICES["hapi"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_no_secret_has_a_default_or_stands_in_the_environment() -> None:
    for name, value in re.findall(r"\$\{(\w+)([^}]*)\}", TEXT):
        if re.search(r"_(IMAGE|PORT)$", name):
            assert value.startswith(":-")
        else:
            assert value.startswith(":?"), name
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD|SECRET|TOKEN", name) or (
                name.endswith("_FILE") and value.startswith("/run")
            )
    assert {tuple(secret) for secret in COMPOSE["secrets"].values()} == {("file",)}


def test_only_loopback_reaches_it() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert all("network_mode" not in service and "privileged" not in service for service in SERVICES.values())


def test_the_image_holds_what_the_dockerfile_copies_and_no_more() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
    wanted = {name for line in copied for name in line.split()}
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[0] != "#"]
    assert first == "*"
    assert {line[1:] for line in rest if line.startswith("!")} == wanted
    assert all((ROOT / name).exists() for name in wanted)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["force-include"]) <= wanted, "what the wheel takes beside the package"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-worker.lock"])
def test_the_locks_agree_and_name_hashes(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.M))
    everything = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.M))
    assert {package: everything[package] for package in pins} == pins
    assert text.count("--hash=sha256:") >= len(pins) > 10
    assert ("pytest" in pins) == (name == "requirements.lock")
