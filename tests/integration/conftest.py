"""What several of these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhir_msc.sandbox.server import SandboxServer
from tests.support.hapi import HapiServer


@pytest.fixture(params=["sandbox", pytest.param("hapi", marks=pytest.mark.hapi)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both servers."""
    if request.param == "hapi":
        server: HapiServer = request.getfixturevalue("hapi")
        yield server.base_url
    else:
        with SandboxServer() as sandbox:
            yield sandbox.base_url
