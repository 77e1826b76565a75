"""The conformance of a mapping pack, alone and over an export."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from fhir_msc.desired.assembly import assemble
from fhir_msc.desired.policy import Policy
from fhir_msc.errors import PackError, SourceError, UsageError
from fhir_msc.findings import Finding
from fhir_msc.mapping.checking import check_pack as pack_findings
from fhir_msc.mapping.pack import Pack, find_pack, read_pack
from fhir_msc.models import as_json
from fhir_msc.paths import AnyPath
from fhir_msc.release.blinding import refuse_unsealed_pack
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Source
from fhir_msc.testing.altered import Altered
from fhir_msc.testing.elsewhere import elsewhere
from fhir_msc.testing.nonconformity import Nonconformity
from fhir_msc.trial import Study

MASKED = Study("CONFORMANCE", "A study to check packs with", masking="double")
_SECRET = b"conformance" * 4
_NAMESPACE = "https://conformance.example.org/fhir"


@dataclass(frozen=True, slots=True)
class Run:
    """An export, how it is read, and what the project would say of it."""

    pack: Path
    export: Path
    options: SourceOptions
    study: Study
    zone: str | None
    blind: bool

    def source(self, pack: Pack) -> Source:
        """The export, not yet sealed. Raises SourceError."""
        return open_source(
            self.export,
            replace(
                self.options,
                kinds=self.options.kinds or pack.words.source,
                seals=pack.seals if self.blind else Seals(),
                arms_are_treatments=pack.words.arms_are_treatments,
            ),
        )

    def policy(self) -> Policy:
        """The policy of a project."""
        return Policy(self.study, _NAMESPACE, self.blind, "conformance", zone=self.zone)


@dataclass(frozen=True, slots=True)
class Seen:
    """What leaves: bodies by id, in their order, and the findings; ``told`` is all of it, by place."""

    bodies: Mapping[str, bytes]
    findings: Sequence[Finding]
    told: Mapping[str, bytes]

    def digest(self) -> str:
        """SHA-256 over all of it, in order."""
        return sha256(repr(list(self.told.items())).encode()).hexdigest()

    def difference(self, other: Seen) -> str | None:
        """The first place, in order, where the two differ; names no value."""
        if list(self.told) == list(other.told) and self.told == other.told:
            return None
        places = [*self.told, *other.told]
        return next((place for place in places if self.told.get(place) != other.told.get(place)), "the order of bodies")


def seen(run: Run, pack: Pack, source: Source, secret: bytes = _SECRET) -> Seen:
    """Maps all of a source. Raises what the way raises."""
    bodies: dict[str, bytes] = {}
    findings: list[Finding] = []
    told: dict[str, bytes] = {}
    for table in assemble(source, pack, run.policy(), secret).tables():
        for batch in table.stream():
            for one in batch:
                bodies[one.rid] = one.body
                told[f"{one.type} {one.rid} of {one.table}"] = repr(one).encode()
        findings += table.findings
        told[f"findings of {table.name}"] = repr(table.findings).encode()
        told[f"account of {table.name}"] = repr((table.account.rows, sorted(table.account.outcomes.items()))).encode()
        told[f"fingerprint of {table.name}"] = table.fingerprint()
    return Seen(bodies, findings, told)


def digest(run: Run) -> str:
    """What another process says of a run."""
    pack = read_pack(run.pack)
    return seen(run, pack, run.source(pack)).digest()


def check_pack(
    pack: AnyPath,
    export: AnyPath | None = None,
    *,
    options: SourceOptions | None = None,
    study: Study = MASKED,
    zone: str | None = "Etc/UTC",
    tells_arm: Mapping[str, Sequence[str]] | None = None,
    same_but_arms: AnyPath | None = None,
    known: Collection[str] = (),
) -> None:
    """Checks a pack, by folder or by the name of one that ships; with an ``export`` all that it makes of it, too.

    The checks, in their order:

    - ``compiles``: its words hold, every transform that they name is there.
    - ``examples``: its examples give what they say, its units are UCUM.
    - ``fits``: no row of the export is rejected, no cell unknown; ``known`` are rules that it breaks on purpose.
    - ``delivers``: something comes out, else nothing below is shown.
    - ``valid``: every body passes ``fhir_msc.validate``.
    - ``opaque``: ids are digests; under another secret all of them are others.
    - ``deterministic``: once more, and in another process (hash seed, time zone, locale), the same bytes come out.
    - ``blind``: with all that tells the arm changed, doubled or left out, a blind project gives the same bytes, ids,
      order, findings and accounts. What tells it is what the pack seals and what the caller says: ``tells_arm`` names
      columns by table (names may hold ``*``), ``same_but_arms`` is a second export that differs in nothing else, the
      names of its files included.

    The export is read blind and not: it is to be one whose arms may be seen. ``options`` says how the exports are read
    where detecting is not enough, ``zone`` is the IANA zone of the sites. An open study is ``Study(...,
    masking="none")``. Raises Nonconformity, SourceError where the export cannot be read.
    """
    try:
        folder = find_pack(pack)
        words = read_pack(folder)
        alone = pack_findings(words, None, Seals())
    except PackError as error:
        raise Nonconformity("compiles", str(error)) from error
    _refuse("examples", alone)
    if export is None:
        return
    open_run = Run(folder, Path(export), options or SourceOptions(), study, zone, blind=False)
    try:
        _refuse("fits", pack_findings(words, open_run.source(words), Seals()), known)
        first = seen(open_run, words, open_run.source(words))
    except PackError as error:
        raise Nonconformity("compiles", str(error)) from error
    _delivers(first)
    _refuse("valid", [one for one in first.findings if one.rule.startswith("MSC-FHIR")])
    _refuse("fits", first.findings, known)
    _opaque(first, seen(open_run, words, open_run.source(words), b"another" * 8))
    runs = [open_run]
    if words.seals or study.is_masked or tells_arm or same_but_arms:
        _seals(study, words)
        runs.append(replace(open_run, blind=True))
    for run in runs:
        _deterministic(run, words)
    if len(runs) > 1:
        _blind(
            runs[1],
            words,
            _telling(words.seals, tells_arm or {}),
            None if same_but_arms is None else Path(same_but_arms),
        )


def _refuse(check: str, findings: Sequence[Finding], known: Collection[str] = ()) -> None:
    wrong = [one for one in findings if one.is_error and one.rule not in known]
    if wrong:
        first = wrong[0]
        places = ", ".join(map(str, first.origins[:3]))
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        path = f" at {first.path}" if first.path else ""
        raise Nonconformity(check, f"{first.rule}{path}: {first.message}; {places}{more}")


def _delivers(first: Seen) -> None:
    of_participants = [
        body for body in first.bodies.values() if as_json(body)["resourceType"] in ("Patient", "Consent")
    ]
    if not of_participants:
        raise Nonconformity("delivers", "no participant comes out of the export: has anybody a consent with a date?")


def _opaque(first: Seen, under_another_secret: Seen) -> None:
    for rid, body in first.bodies.items():
        document = as_json(body)
        if document["id"] != rid or len(rid) != 41 or not rid[0].isalpha() or set(rid[1:]) - set("0123456789abcdef"):
            raise Nonconformity("opaque", f"a {document['resourceType']} has an id that is no digest")
    if first.bodies.keys() & under_another_secret.bodies.keys():
        raise Nonconformity("opaque", "another secret gives the same ids")


def _seals(study: Study, pack: Pack) -> None:
    try:
        refuse_unsealed_pack(study, True, bool(pack.seals), pack.words.pack)
    except UsageError as error:
        raise Nonconformity("blind", str(error)) from error


def _deterministic(run: Run, pack: Pack) -> None:
    one, other = (seen(run, pack, run.source(pack)) for _ in range(2))
    place = one.difference(other)
    if place is not None:
        raise Nonconformity("deterministic", f"mapped twice, {place} differs")
    if elsewhere("pack", run) != one.digest():
        raise Nonconformity("deterministic", "another process makes something else of the same export")


def _telling(seals: Seals, tells_arm: Mapping[str, Sequence[str]]) -> Seals:
    columns = {table: tuple(patterns) for table, patterns in seals.columns.items()}
    for table, patterns in tells_arm.items():
        columns[table] = (*columns.get(table, ()), *patterns)
    return replace(seals, columns=columns)


def _blind(run: Run, pack: Pack, telling: Seals, same_but_arms: Path | None) -> None:
    first = seen(run, pack, run.source(pack))
    for what, source in _otherwise(run, pack, telling, same_but_arms):
        try:
            place = first.difference(seen(run, pack, source))
        except SourceError as error:
            place = f"what is read: {error.what}"
        if place is not None:
            raise Nonconformity("blind", f"with {what}, {place} differs: something tells the arm and is not sealed")


def _otherwise(run: Run, pack: Pack, telling: Seals, same_but_arms: Path | None) -> Iterator[tuple[str, Source]]:
    yield "what tells the arm changed", Altered(run.source(pack), telling, without=False)
    yield "what tells the arm left out", Altered(run.source(pack), telling, without=True)
    if same_but_arms is not None:
        yield "the other export", replace(run, export=same_but_arms).source(pack)
