"""Which ids a table has given so far: two rows with one key are found however far apart they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from fhir_msc.desired.model import Desired
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.table import Row

_AT_ONCE = 250
"""Ids that one statement writes: in less than half the time of a statement for each."""

_INSERT = "INSERT INTO seen VALUES "

_DIGITS = 15
"""Hex digits of an id that are compared: 60 bits. Two ids that agree in them are looked at again, not taken as one."""

_PLACES = """
WITH shared AS (SELECT place FROM seen WHERE id IN (SELECT id FROM again))
SELECT place FROM shared UNION SELECT other FROM beside WHERE place IN (SELECT place FROM shared) ORDER BY 1
"""


class KeyRegister:
    """The ids of one table, in a temporary SQLite file: a million rows take no more memory than a thousand."""

    def __init__(self) -> None:
        self._database = scratch_database()
        self._database.execute("CREATE TABLE seen (id INTEGER, place INTEGER)")
        self._database.execute("CREATE TABLE beside (place INTEGER, other INTEGER)")
        self._database.execute("BEGIN")
        self._many = _INSERT + ", ".join(["(?, ?)"] * _AT_ONCE)
        self._waiting: list[int] = []

    def add(self, made: Iterable[tuple[Sequence[int], Sequence[Desired]]]) -> None:
        """Registers the ids of bodies, each time with the places of the rows that they were made of."""
        end = 1 + _DIGITS
        waiting, beside = self._waiting, list[tuple[int, int]]()
        for places, bodies in made:
            for one in bodies:
                waiting += (int(one.rid[1:end], 16), places[0])
            if len(places) > 1:
                beside += [(places[0], other) for other in places[1:]]
        if beside:
            self._database.executemany("INSERT INTO beside VALUES (?, ?)", beside)
        whole = 2 * _AT_ONCE
        while len(waiting) >= whole:
            self._database.execute(self._many, waiting[:whole])
            del waiting[:whole]

    def complete(self) -> bool:
        """Ends the registering; whether an id was registered twice."""
        pairs = zip(self._waiting[::2], self._waiting[1::2], strict=True)
        self._database.executemany(f"{_INSERT}(?, ?)", pairs)
        self._database.execute("COMMIT")
        # Sorting at the end costs half of looking for each as it comes.
        self._database.execute("CREATE TABLE again (id INTEGER PRIMARY KEY)")
        self._database.execute("INSERT INTO again SELECT id FROM seen GROUP BY id HAVING count(*) > 1")
        return self._database.execute("SELECT 1 FROM again LIMIT 1").fetchone() is not None

    def rows_again(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Of all rows of the table, from its first, those of which a body has an id that was registered twice."""
        places = self._database.execute(_PLACES)
        at = 0
        for (place,) in places:
            yield from islice(rows, place - at, place - at + 1)
            at = place + 1

    def is_repeated(self, rid: str) -> bool:
        """Whether this id was registered twice; known once all are."""
        number = int(rid[1 : 1 + _DIGITS], 16)
        return self._database.execute("SELECT 1 FROM again WHERE id = ?", (number,)).fetchone() is not None
