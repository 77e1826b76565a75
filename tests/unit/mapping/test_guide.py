"""The pack that docs/mapping-packs.md teaches by is a pack, and the guide names every word."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fhir_msc.mapping.blocks import ConditionBlock, MedicationBlock, ObservationBlock
from fhir_msc.mapping.checking import check_pack
from fhir_msc.mapping.format import TableWords
from fhir_msc.mapping.pack import Pack, read_pack
from fhir_msc.mapping.schema import schema_text
from fhir_msc.mapping.transforms import NAMES
from fhir_msc.mapping.values import Value
from fhir_msc.sources.seals import Seals
from tests.unit.desired.trial_source import outcome
from tests.unit.mapping.memory import Memory

GUIDE = (Path(__file__).parents[3] / "docs" / "mapping-packs.md").read_text("utf-8")


def written(folder: Path) -> Pack:
    for name, text in re.findall(r"```(?:yaml|csv)\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL):
        (folder / name).write_text(text)
    return read_pack(folder)


def test_its_examples_give_what_they_say(tmp_path: Path) -> None:
    pack = written(tmp_path)
    assert list(pack.tables) == ["labs", "people", "consents"]
    assert sum(len(table.words.examples) for table in pack.tables.values()) == 8
    assert check_pack(pack, None, Seals()) == []


def test_its_pack_carries_an_export(tmp_path: Path) -> None:
    export = {
        "people": [{"pid": "P-1", "site": "2", "sex": "F", "born": "5.3.1951", "arm": "secret"}],
        "consents": [{"pid": "P-1", "signed": "2020-01-05", "withdrawn": ""}],
        "labs": [{"pid": "P-1", "test": "ALB", "result": "39.0", "unit": "g/L", "taken": "2020-02-01"}],
        "logbook": [{"pid": "P-1"}],
    }
    found = outcome(Memory(export), pack=written(tmp_path))
    assert [found.outcomes(name) for name in export] == [{"delivered": 1}] * 3 + [{"not-mapped": 1}]
    assert not any(b"secret" in one.body for one in found.bodies.values())


def test_it_names_every_word() -> None:
    models = (TableWords, ObservationBlock, Value, ConditionBlock, MedicationBlock)
    words = {field.alias or name for model in models for name, field in model.model_fields.items()}
    head = set(json.loads(schema_text("pack.schema.json"))["properties"]) - {"arms-are-treatments", "study"}
    missing = [word for word in sorted(words | head | set(NAMES)) if not re.search(rf"\b{word}\b", GUIDE)]
    assert missing == []
