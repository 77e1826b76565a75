"""Everything of an SDTM export that depends on the arm, changed in every way that an export can differ.

Written from the standard (SDTMIG 3.4, SDTM-MSG), not from the pack: which columns, rows and tables tell the arm. The
planned arms of the protocol (TA, TV) are not among them: they are public, and the same whoever is in which.
A change takes an export and a source of randomness and gives another export of the same trial, in which nobody who
is blind could see a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from fhir_msc.sources.ibm import number_of
from tests.support.exports import Domain, Export, Row, Torn, new_domain
from tests.unit.sources.xpt_writer import Column, ibm

Change = Callable[[Export, Random], Export]

TOKEN = "ARMTELL"
"""Begins every value that only the arm explains; must be nowhere in what a blind project gives."""

TELLING_COLUMNS = {
    "DM": ("ARM", "ARMCD", "ACTARM", "ACTARMCD", "ARMNRS", "ACTARMUD", "RFXENDTC", "RFENDTC"),
    "EC": (
        *("ECTRT", "ECDOSE", "ECDOSU", "ECDOSTXT", "ECDOSFRM", "ECDOSFRQ", "ECLOT", "ECPSTRG", "ECPSTRGU", "SPDEVID"),
        *("ECENDTC", "ECENDY", "ECDUR", "ECVAMT", "ECVAMTU", "ECADJ"),
    ),
}
TELLING_TABLES = (
    *("EX", "SE", "SUPPEX", "RELREC", "PC", "PP", "IS", "DI", "CO", "DA", "SUPPPC", "SUPPIS", "SUPPCM", "SUPPQSPH"),
    *("GF", "CP", "FAEX", "ZZ"),
)
_FINDINGS = ("PC", "GF", "CP", "FAEX", "ZZ")
"""Domains that show the product or the donor's cells, and one that no standard knows."""
TELLING_DRUGS = ("Placebo", "STUDY DRUG", "UC-MSC", "stromal cells of a donor")
TELLING_TESTS = ("CHIMERI", "HLACHIM", "DSA", "DONORDNA", "ANTIHLA", "HLAAB1")
TELLING_QUALIFIERS = ("UNBLIND", "KITNO", "DONOR", "ARMREAS")
OPEN_QUALIFIERS = ("LBCLSIG", "LBTMSHI", "LBTMSLO")
"""Qualifiers that tell the arm where the row that they qualify does."""
_QUALIFIED = ("SUPPDM", "SUPPDS", "SUPPSV", "SUPPEC", "SUPPLB", "SUPPVS", "SUPPAE")
_SUPP_COLUMNS = ("STUDYID", "RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QLABEL", "QVAL", "QORIG", "QEVAL")


def token(random: Random) -> str:
    """A value that stands nowhere else."""
    return f"{TOKEN}{random.randrange(10**8)}" + "x" * random.randrange(12)


def cells(export: Export, random: Random) -> Export:
    """Other values in the columns that tell the arm; some are emptied."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_COLUMNS):
        for column in domain.columns:
            if column.name in TELLING_COLUMNS[domain.name]:
                domain = _refilled(domain, column, random)
        changed[name] = domain
    return changed


def columns_removed(export: Export, random: Random) -> Export:
    """Some or all columns that tell the arm are not in the export."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_COLUMNS):
        gone = [column for column in TELLING_COLUMNS[domain.name] if random.random() < 0.5]
        changed[name] = domain.without(gone)
    return changed


def columns_added(export: Export, random: Random) -> Export:
    """Columns that tell the arm, where there were none."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_COLUMNS):
        for column in TELLING_COLUMNS[domain.name]:
            if column not in domain.names and random.random() < 0.7:
                values = [token(random).encode() for _ in domain.rows]
                domain = domain.with_column(Column(column, 40), random.randrange(len(domain.columns) + 1), values)
        changed[name] = domain
    return changed


def columns_moved(export: Export, random: Random) -> Export:
    """The columns that tell the arm stand elsewhere among the others, which keep their order."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_COLUMNS):
        telling = [column for column in domain.names if column in TELLING_COLUMNS[domain.name]]
        order = [column for column in domain.names if column not in telling]
        for column in telling:
            order.insert(random.randrange(len(order) + 1), column)
        changed[name] = domain.reordered(order)
    return changed


def tables_changed(export: Export, random: Random) -> Export:
    """Rows of tables that tell the arm: other values, doubled, left out, in another order."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_TABLES):
        rows = [_noise(domain, row, random) for row in domain.rows for _ in range(random.choice((0, 1, 1, 2)))]
        random.shuffle(rows)
        changed[name] = replace(domain, rows=tuple(rows))
    return changed


def tables_removed(export: Export, random: Random) -> Export:
    """Some tables that tell the arm are not there, or have no row, or are empty files."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_TABLES):
        match random.randrange(4):
            case 0:
                del changed[name]
            case 1:
                changed[name] = replace(domain, rows=())
            case 2:
                changed[name] = b""
            case _:
                pass
    return changed


def tables_damaged(export: Export, random: Random) -> Export:
    """Files of tables that tell the arm, cut anywhere or overwritten."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_TABLES):
        changed[name] = Torn(domain, random.random(), b"" if random.random() < 0.7 else random.randbytes(200))
    return changed


def tables_added(export: Export, random: Random) -> Export:
    """Tables that tell the arm and that were not in the export."""
    changed = dict(export)
    for name in TELLING_TABLES:
        if f"{name.lower()}.xpt" not in changed and random.random() < 0.6:
            rows = [("STUDY", token(random), token(random)) for _ in range(random.randrange(6))]
            changed[f"{name.lower()}.xpt"] = new_domain(name, ("STUDYID", "USUBJID", f"{name[:2]}TRT"), rows)
    return changed


def tables_doubled(export: Export, random: Random) -> Export:
    """Tables that tell the arm stand in two files."""
    changed = dict(export)
    for name, domain in _domains(export, TELLING_TABLES):
        if random.random() < 0.5:
            changed[f"{name.removesuffix('.xpt')}_2.xpt"] = domain
    return changed


def lab_tests_inserted(export: Export, random: Random) -> Export:
    """Laboratory rows that tell the arm, between the others, so that the others' row numbers move."""
    return _with_rows(
        export,
        "LB",
        lambda domain, like: _filled(
            domain, like, {"LBTESTCD": random.choice(TELLING_TESTS), "LBTEST": token(random), "LBORRES": token(random)}
        ),
        random,
    )


def lab_tests_removed(export: Export, random: Random) -> Export:
    """Fewer of the laboratory rows that tell the arm, the rest at other places."""
    return _moved(export, ("LB",), "LBTESTCD", TELLING_TESTS, random)


def qualifiers_of_sealed_rows(export: Export, random: Random) -> Export:
    """Open qualifiers of laboratory rows that tell the arm."""
    changed = dict(export)
    [domain] = [one for _, one in _domains(export, ("LB",))]
    told = [row for row in domain.rows if domain.text(row, "LBTESTCD") in TELLING_TESTS]
    subjects = sorted({domain.text(row, "USUBJID") for row in told})
    for file, one in _domains(export, ("SUPPLB",)):
        rows = list(one.rows)
        for subject in random.choices(subjects, k=random.randrange(1, 5)) if subjects else ():
            values = {"USUBJID": subject, "IDVAR": "LBSEQ", "IDVARVAL": f"9{random.randrange(10**5, 10**6)}"}
            at = random.randrange(len(rows) + 1)
            qualifier = _filled(one, _qualifier(one, random), {**values, "QNAM": random.choice(OPEN_QUALIFIERS)})
            rows.insert(at, qualifier)
        changed[file] = replace(one, rows=tuple(rows))
    return changed


def sequence_numbers(export: Export, random: Random) -> Export:
    """The laboratory rows of each participant are numbered anew: more or fewer that tell the arm are counted."""
    changed = dict(export)
    moved: dict[tuple[str, str], str] = {}
    for file, domain in _domains(export, ("LB",)):
        numbers: dict[str, int] = {}
        rows = []
        for row in domain.rows:
            subject = domain.text(row, "USUBJID")
            numbers[subject] = numbers.get(subject, 0) + random.choice((1, 1, 2, 5))
            if domain.text(row, "LBTESTCD") not in TELLING_TESTS:
                moved[subject, _number(domain, row, "LBSEQ")] = str(numbers[subject])
            rows.append(domain.with_cell(row, "LBSEQ", ibm(numbers[subject])))
        changed[file] = replace(domain, rows=tuple(rows))
    for file, domain in _domains(export, ("SUPPLB",)):
        changed[file] = replace(domain, rows=tuple(_follows(domain, row, moved) for row in domain.rows))
    return changed


def _number(domain: Domain, row: Row, column: str) -> str:
    return number_of(row[domain.place(column)])


def _follows(domain: Domain, qualifier: Row, moved: Mapping[tuple[str, str], str]) -> Row:
    key = domain.text(qualifier, "USUBJID"), domain.text(qualifier, "IDVARVAL")
    return domain.with_cell(qualifier, "IDVARVAL", moved[key].encode()) if key in moved else qualifier


def _with_open_qualifiers(export: Export) -> Export:
    """Open qualifiers of laboratory rows that do not tell the arm."""
    [lab] = [one for _, one in _domains(export, ("LB",))]
    rows = [
        (
            "",
            "LB",
            lab.text(row, "USUBJID"),
            "LBSEQ",
            _number(lab, row, "LBSEQ"),
            "LBCLSIG",
            "Significant",
            "Y",
            "CRF",
            "",
        )
        for row in lab.rows
        if lab.text(row, "LBTESTCD") not in TELLING_TESTS
    ]
    return {**export, "supplb.xpt": new_domain("SUPPLB", _SUPP_COLUMNS, rows[::2])}


def qualifiers_inserted(export: Export, random: Random) -> Export:
    """Supplemental qualifiers that tell the arm, in tables that are there and in tables of their own."""
    changed = dict(export)
    for name in _QUALIFIED:
        file = f"{name.lower()}.xpt"
        if file not in changed and random.random() < 0.5:
            changed[file] = new_domain(name, _SUPP_COLUMNS, [])
        domain = changed.get(file)
        if isinstance(domain, Domain):
            rows = list(domain.rows)
            for _ in range(random.randrange(1, 5)):
                rows.insert(random.randrange(len(rows) + 1), _qualifier(domain, random))
            changed[file] = replace(domain, rows=tuple(rows))
    return changed


def qualifiers_removed(export: Export, random: Random) -> Export:
    """Fewer of the qualifiers that tell the arm; a table that held nothing else goes with them."""
    changed = dict(_moved(export, _QUALIFIED, "QNAM", TELLING_QUALIFIERS, random))
    for name, domain in _domains(changed, _QUALIFIED):
        if not domain.rows:
            del changed[name]
    return changed


def findings_added(export: Export, random: Random) -> Export:
    """Results of real participants in domains that show the arm, with all that a domain of findings needs."""
    changed = dict(export)
    subjects = [domain.text(row, "USUBJID") for _, domain in _domains(export, ("DM",)) for row in domain.rows]
    for name in _FINDINGS:
        columns = ("DOMAIN", "USUBJID", *(f"{name[:2]}{part}" for part in ("TESTCD", "TEST", "ORRES", "DTC")))
        rows = [
            (name[:2], random.choice(subjects), "CELLS", token(random), token(random), "2014-02-03")
            for _ in range(random.randrange(1, 9))
        ]
        changed[f"{name.lower()}.xpt"] = new_domain(name, columns, rows)
    return changed


def drugs_inserted(export: Export, random: Random) -> Export:
    """The study product among the concomitant medication, by name, and findings about it."""
    export = _with_rows(
        export,
        "CM",
        lambda domain, like: _filled(
            domain, like, {"CMTRT": f"{random.choice(TELLING_DRUGS)} {token(random)}", "CMINDC": token(random)}
        ),
        random,
    )
    return _with_rows(
        export,
        "FA",
        lambda domain, like: _filled(
            domain, like, {"FAOBJ": f"{random.choice(TELLING_DRUGS)} {token(random)}", "FAORRES": token(random)}
        ),
        random,
    )


def drugs_removed(export: Export, random: Random) -> Export:
    """Fewer of these, the rest at other places."""
    told = tuple(drug.upper() for drug in TELLING_DRUGS)
    for name, column in (("CM", "CMTRT"), ("FA", "FAOBJ")):
        changed = dict(export)
        for file, domain in _domains(export, (name,)):
            values = tuple({cell for row in domain.rows if (cell := domain.text(row, column)).upper().startswith(told)})
            changed[file] = _moved({file: domain}, (name,), column, values, random)[file]
        export = changed
    return export


CHANGES: Mapping[str, Change] = {
    change.__name__: change
    for change in (
        cells,
        columns_removed,
        columns_added,
        columns_moved,
        tables_changed,
        tables_removed,
        tables_damaged,
        tables_added,
        tables_doubled,
        lab_tests_inserted,
        lab_tests_removed,
        qualifiers_of_sealed_rows,
        sequence_numbers,
        qualifiers_inserted,
        qualifiers_removed,
        findings_added,
        drugs_inserted,
        drugs_removed,
    )
}


def telling(export: Export, random: Random) -> Export:
    """The export with something of everything that tells the arm: every later change can also take it away."""
    some = (cells, columns_added, tables_added, tables_changed, findings_added, lab_tests_inserted, drugs_inserted)
    export = _with_open_qualifiers(export)
    for change in (*some, qualifiers_inserted, sequence_numbers):
        export = change(export, random)
    return export


def _domains(export: Export, names: Mapping[str, object] | tuple[str, ...]) -> list[tuple[str, Domain]]:
    return [(file, one) for file, one in sorted(export.items()) if isinstance(one, Domain) and one.name in names]


def _refilled(domain: Domain, column: Column, random: Random) -> Domain:
    def value() -> bytes:
        if column.numeric:
            return bytes([0x40 + random.randrange(4), *random.randbytes(column.length - 1)])
        return random.choice((b"", token(random).encode(), token(random).encode()))

    return replace(domain, rows=tuple(domain.with_cell(row, column.name, value()) for row in domain.rows))


def _noise(domain: Domain, row: Row, random: Random) -> Row:
    return tuple(
        cell if column.numeric or random.random() < 0.5 else token(random).encode()
        for column, cell in zip(domain.columns, row, strict=True)
    )


def _with_rows(export: Export, name: str, make: Callable[[Domain, Row], Row], random: Random) -> Export:
    changed = dict(export)
    for file, domain in _domains(export, (name,)):
        rows = list(domain.rows)
        for _ in range(random.randrange(1, 9)):
            rows.insert(random.randrange(len(rows) + 1), make(domain, random.choice(domain.rows)))
        changed[file] = replace(domain, rows=tuple(rows))
    return changed


def _moved(export: Export, names: tuple[str, ...], column: str, values: tuple[str, ...], random: Random) -> Export:
    changed = dict(export)
    for file, domain in _domains(export, names):
        found = [row for row in domain.rows if domain.text(row, column) in values]
        rows = [row for row in domain.rows if domain.text(row, column) not in values]
        for row in found:
            if random.random() < 0.4:
                rows.insert(random.randrange(len(rows) + 1), row)
        changed[file] = replace(domain, rows=tuple(rows))
    return changed


def _filled(domain: Domain, like: Row, values: Mapping[str, str]) -> Row:
    for column, value in values.items():
        like = domain.with_cell(like, column, value.encode("latin-1"))
    return like


def _qualifier(domain: Domain, random: Random) -> Row:
    values = {"RDOMAIN": domain.name[4:], "USUBJID": token(random), "QNAM": random.choice(TELLING_QUALIFIERS)}
    empty = tuple(b"" for _ in domain.columns)
    return _filled(domain, empty, {**values, "QLABEL": token(random), "QVAL": token(random)})
