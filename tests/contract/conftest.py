"""The servers that the contract suite speaks to: the sandbox, and a real HAPI."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest

from fhir_msc.sandbox import SandboxServer
from tests.contract.rest import Fhir
from tests.support.hapi import HapiServer


@pytest.fixture(scope="session")
def sandbox_base_url() -> Iterator[str]:
    with SandboxServer() as sandbox:
        yield sandbox.base_url


@pytest.fixture(scope="session", params=["sandbox", pytest.param("hapi", marks=pytest.mark.hapi)])
def base_url(request: pytest.FixtureRequest) -> str:
    if request.param == "sandbox":
        sandbox: str = request.getfixturevalue("sandbox_base_url")
        return sandbox
    hapi: HapiServer = request.getfixturevalue("hapi")
    return hapi.base_url


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def fhir(http: httpx.Client, base_url: str) -> Fhir:
    return Fhir(http, base_url, uuid.uuid4().hex[:12])
