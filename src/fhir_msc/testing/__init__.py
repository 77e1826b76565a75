"""Conformance of what an integrator writes, to be run in pytest or by any other runner: packs and builders.

    from fhir_msc.testing import check_builder, check_pack

    def test_the_pack():
        check_pack("packs/hepatology", Path("exports/synthetic"), tells_arm={"people": ["arm"]})

    def test_the_builder():
        check_builder("Flag")

Each raises ``Nonconformity``, an AssertionError that names the check and the place, at the first thing that does not
hold. Nothing is sent, and nothing is written but temporary files.
"""

from __future__ import annotations

from fhir_msc.testing.builders import check_builder
from fhir_msc.testing.nonconformity import Nonconformity
from fhir_msc.testing.packs import check_pack

__all__ = ["Nonconformity", "check_builder", "check_pack"]
