"""A bare uploader: bundles that stand ready are posted on so many connections, and nothing else is done."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson

_REFERENCE = re.compile(rb'"reference":"[A-Za-z]+/([A-Za-z0-9]+)"')
_HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Prefer": "return=minimal"}


def upload(url: str, bundles: Sequence[bytes], connections: int) -> None:
    """Posts the bundles in their order, but none before those that hold what it refers to are answered."""
    needed = _needs(bundles)
    waiting = list(range(len(bundles)))
    answered: set[int] = set()
    changed = threading.Condition()

    def take() -> int | None:
        with changed:
            while waiting:
                ready = next((one for one in waiting if needed[one] <= answered), None)
                if ready is not None:
                    waiting.remove(ready)
                    return ready
                changed.wait()
            return None

    def post() -> None:
        with httpx.Client(timeout=120, trust_env=False, headers=_HEADERS) as client:
            while (number := take()) is not None:
                try:
                    client.post(url, content=bundles[number]).raise_for_status()
                    with changed:
                        answered.add(number)
                        changed.notify_all()
                except httpx.HTTPError:
                    with changed:
                        waiting.clear()
                        changed.notify_all()
                    raise

    with ThreadPoolExecutor(connections) as pool:
        for future in [pool.submit(post) for _ in range(connections)]:
            future.result()


def _needs(bundles: Sequence[bytes]) -> list[set[int]]:
    """For each bundle the others that hold what it refers to."""
    holder = {
        entry["request"]["url"].partition("/")[2]: number
        for number, bundle in enumerate(bundles)
        for entry in orjson.loads(bundle)["entry"]
    }
    return [
        {holder[rid.decode()] for rid in set(_REFERENCE.findall(bundle))} - {number}
        for number, bundle in enumerate(bundles)
    ]
