"""A corrected key goes on under the earlier id: in its own body, and in all that refers to it."""

from __future__ import annotations

import json
from hashlib import sha256

from sqlalchemy import insert

from fhir_msc.sync.corrections import continued, continuing
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.tables import correction
from tests.support.desiredset import resource

EARLIER, NEW, OTHER = ("e" + digit * 40 for digit in "123")


def test_what_it_is_and_what_refers_to_it() -> None:
    visit = resource("Encounter", NEW, "p")
    result = resource("Observation", "o1", "p", refs=[visit, resource("Encounter", OTHER, "p")])
    others = {NEW: EARLIER}

    gone_on = continued(visit, others)
    assert (gone_on.rid, json.loads(gone_on.body)["id"]) == (EARLIER, EARLIER)
    assert json.loads(gone_on.body)["identifier"][0]["value"] == EARLIER
    assert NEW.encode() not in gone_on.body
    assert gone_on.digest == sha256(gone_on.body).digest()

    referring = continued(result, others)
    assert referring.rid == "o1"
    assert referring.refs == (EARLIER, OTHER)
    links = [link["reference"] for link in json.loads(referring.body)["link"]]
    assert links == [f"Encounter/{EARLIER}", f"Encounter/{OTHER}"]
    assert referring.digest == sha256(referring.body).digest()

    untouched = resource("Observation", "o2", "p")
    assert continued(untouched, others) is untouched


def test_a_correction_of_a_correction_goes_on_under_the_first_id(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        rows = [{"target_id": ledger.target_id, "rid": rid, "continues": to} for rid, to in (("c", "b"), ("b", "a"))]
        connection.execute(insert(correction), rows)
        assert continuing(connection, ledger.target_id) == {"b": "a", "c": "a"}
