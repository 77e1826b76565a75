"""The profiles that a resource claims by ``meta.profile``, or is held against because the caller says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhir_msc.validation.problems import PROFILE, Problem, Within
from fhir_msc.validation.profiles.checks import Check, profile_problems
from fhir_msc.validation.profiles.document import Document
from fhir_msc.validation.profiles.known import NotKnown, Profiles, core_profiles
from fhir_msc.validation.profiles.notes import unchecked, unknown_profile


def claimed_problems(resource: Mapping[str, object], claims: list[str], within: Within) -> list[Problem]:
    """What is wrong with a resource by the profiles that it claims and by those of the caller; paths start below it."""
    profiles = within.profiles or core_profiles()
    document = within.document or Document()
    kind = str(resource.get("resourceType"))
    inner = Within(
        contained=within.contained,
        inside=within.inside,
        urls=within.urls,
        resource=resource,
        root=within.root if within.inside and within.root is not None else resource,
    )
    problems: list[Problem] = []
    seen: set[str] = set()
    for path, url in [*((f"meta.profile[{i}]", url) for i, url in enumerate(claims)), *_chosen(profiles, kind)]:
        plain = url.split("|")[0]
        if plain not in seen:
            seen.add(plain)
            problems += _held_against(resource, kind, url, path, profiles, document, inner)
    return _distinct(problems)


def _chosen(profiles: Profiles, kind: str) -> Iterator[tuple[str, str]]:
    return (("", url) for url in profiles.claimed if profiles.type_of(url) == kind)


def _held_against(
    resource: Mapping[str, object],
    kind: str,
    url: str,
    path: str,
    profiles: Profiles,
    document: Document,
    within: Within,
) -> Iterator[Problem]:
    definition = profiles.definition(url)
    if definition is None:
        named = profiles.type_of(url)
        if named is None:
            yield unknown_profile(url, path)
        elif named not in (kind, "Resource", "DomainResource"):
            yield Problem(f"{PROFILE}-{named.upper()}", f"this is no {named}, as is claimed", path, url)
        return
    if definition.type != kind:
        name = definition.name.upper()
        yield Problem(f"{PROFILE}-{name}", f"profile {definition.name} is one of {definition.type}", path, url)
        return
    try:
        root = profiles.tree(definition)
    except NotKnown as error:
        yield unchecked(f"the profile {definition.url} rests on {error.url}, which is not known", path)
        return
    check = Check(profiles, definition, root, within, document, frozenset({(id(resource), definition.url)}))
    yield from profile_problems(check, resource, kind)


def _distinct(problems: list[Problem]) -> list[Problem]:
    """Each problem once: two profiles, and a base and what is built on it, say much of the same."""
    found: dict[tuple[str, str], Problem] = {}
    for one in problems:
        found.setdefault((one.path, one.message.partition(": ")[2] or one.message), one)
    return list(found.values())
