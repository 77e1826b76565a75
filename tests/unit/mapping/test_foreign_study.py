"""An SDTM study that nobody has seen passes through the pack: few columns, few domains, other units and codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_msc.findings import Severity
from fhir_msc.sources.opening import SourceOptions, open_source
from tests.unit.desired.trial_source import outcome

STUDY = {
    "dm.csv": "STUDYID,USUBJID,SEX\nX1,X1-001,M\nX1,X1-002,U\n",
    "ds.csv": (
        "USUBJID,DSDECOD,DSSTDTC\n"
        "X1-001,INFORMED CONSENT OBTAINED,2015-06\n"
        "X1-002,INFORMED CONSENT OBTAINED,2015-05-01\n"
    ),
    "lb.csv": (
        "USUBJID,LBTESTCD,LBORRES,LBORRESU,LBDTC\n"
        "X1-001,ALB,41,g/L,2015-07-01T08:15\n"
        "X1-001,ALB,41,g/L,2015-06-30\n"
        "X1-002,ZZZ,TRACE,,2015-07\n"
        "X1-002,ALB,.9,odd unit,2015-07-02\n"
        "X1-002,HBA1C,,,2015-07-02\n"
    ),
    "xy.csv": "USUBJID,XYTEST\nX1-001,1\n",
    # A domain of findings that is in no standard: as it is, by the one rule.
    "zz.csv": (
        "USUBJID,DOMAIN,ZZTESTCD,ZZTEST,ZZORRES,ZZORRESU,ZZDTC\n"
        "X1-001,ZZ,GRIP,Grip strength,31.50,kg,2015-07-01\n"
        "X1-002,ZZ,GRIP,Grip strength,weak,,2015-07-02\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in STUDY.items():
        (tmp_path / name.upper().replace(".CSV", ".csv")).write_text(text)
    return tmp_path


@pytest.mark.parametrize("blind", [True, False])
def test_it_passes(folder: Path, blind: bool) -> None:
    found = outcome(open_source(folder, SourceOptions(format="csv")), blind=blind)
    assert found.outcomes("DM") == {"delivered": 2}
    assert found.outcomes("DS") == {"delivered": 2}
    # The consent of June 2015 may have been given on any of its days.
    assert found.outcomes("LB") == {"delivered": 4, "held": 1}
    # What nobody has seen may tell the arm: a blind project does not even count it.
    assert ("XY" in found.accounts, "ZZ" in found.accounts) == (not blind, not blind)
    if not blind:
        assert found.outcomes("XY") == {"not-mapped": 1}
        assert found.outcomes("ZZ") == {"delivered": 2}
    assert not [one for one in found.findings if one.severity in (Severity.ERROR, Severity.FATAL)]
    assert {one.rule for one in found.findings} >= {"MSC-UNIT-001", "MSC-MAP-003", "MSC-CONSENT-002"}
    values = sorted(str(one.get("valueQuantity") or one.get("valueString")) for one in found.of_type("Observation"))
    unseen = ["weak", "{'value': 31.5, 'unit': 'kg', 'system': 'http://unitsofmeasure.org', 'code': 'kg'}"]
    assert [value for value in values if blind or value not in unseen] == [
        "None",
        "TRACE",
        "{'value': 0.9, 'unit': 'odd unit'}",
        "{'value': 41, 'unit': 'g/L', 'system': 'http://unitsofmeasure.org', 'code': 'g/L'}",
    ]
    assert blind or set(unseen) <= set(values)
