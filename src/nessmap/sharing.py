"""Several drivers on one log share its work without a word to each other: each sees what the others have stored, leaves that
out, and works where they do not.

Batches lie in one order, the same for all who plan the same work. A driver begins somewhere in it and goes on to the next;
where that is taken it goes to the far half of the longest stretch that nobody has begun. So what others have in flight lies
right behind what they stored last, and is left to the end: what two of them compute both is what is in flight then.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from nessmap.messages import log
from nessmap.object_store import StoreError
from nessmap.points import LogError, PointLog
from nessmap.simulate import Status

LOOK_SECONDS = 1.0  # between looks at the log
LOOK_SHARE = 0.05  # of a driver's time at most, however many segments there are
NOT_SEEN = (StoreError, LogError, OSError)


class Item(Protocol):
    """A unit of work: its estimated cost [s], and the keys of the records that it makes."""

    @property
    def seconds(self) -> float: ...

    @property
    def keys(self) -> tuple[str, ...]: ...


W = TypeVar("W", bound=Item)


class Watch:
    """What others store in a model's log from now on; look() gives the keys of new records, now and then.

    Records of a status among `ignored` are no news: somebody may have merged segments in which they were before.
    """

    def __init__(self, point_log: PointLog, model: str, ignored: Collection[Status] = ()) -> None:
        self._log, self._model, self._ignored = point_log, model, ignored
        self._known = set(point_log.segments(model))
        self._has_failed = False
        self.next_look = time.monotonic() + LOOK_SECONDS

    def look(self) -> set[str]:
        """Keys of the records in segments that are new since the last look; none if that was just now.

        A failure ends nothing, as looking is for nothing but to save work; what was not seen is looked at again.
        """
        began = time.monotonic()
        if began < self.next_look:
            return set()
        keys: set[str] = set()
        try:
            found = [segment for segment in self._log.segments(self._model) if segment not in self._known]
        except NOT_SEEN as error:
            found = []
            self._say(error)
        for segment in found:
            try:
                keys |= {e.name.key for e in self._log.entries([segment]) if e.status not in self._ignored}
                self._known.add(segment)
            except NOT_SEEN as error:
                self._say(error)
        now = time.monotonic()
        self.next_look = now + max(LOOK_SECONDS, (now - began) / LOOK_SHARE)
        return keys

    def _say(self, error: Exception) -> None:
        """Once: a store that does not answer now may be silent for as long as a driver works."""
        if not self._has_failed:
            log.warning("what others store is not seen: %s; this driver goes on, and may compute the same", error)
        self._has_failed = True

    def is_mine(self, keys: Iterable[str]) -> None:
        """A segment of these records is this driver's own: there is no need to read it."""
        self._known.add(self._log.path_of(self._model, keys))


class Shares(Generic[W]):
    """The batches of one driver, in an order of its own, less the units whose records are stored by others meanwhile."""

    def __init__(
        self,
        batches: Sequence[list[W]],
        watch: Watch | None = None,
        in_flight: Callable[[], int] = lambda: 1,
        chance: random.Random | None = None,
    ) -> None:
        self._all, self._left = batches, list(batches)
        self._class = [math.frexp(batch[0].seconds)[1] for batch in batches]  # factors of two
        self._watch, self._in_flight = watch, in_flight
        self._chance = chance or random.Random()
        self._place: dict[str, int] = {}  # of a record's batch; made when somebody else has stored something
        self._stored: set[str] = set()
        self._doubtful: set[int] = set()  # batches that may be under way elsewhere
        self._last: int | None = None
        self._by_others: list[W] = []

    def __iter__(self) -> Iterator[list[W]]:
        while (chosen := self._chosen()) is not None:
            batch, self._left[chosen], self._last = self._left[chosen], [], chosen
            if self._watch:
                self._watch.is_mine(key for item in batch for key in item.keys)
            yield batch

    def by_others(self) -> list[W]:
        """Units that were left out because others have stored their records, since the last call."""
        found, self._by_others = self._by_others, []
        return found

    def met_another(self, batch: Sequence[W]) -> None:
        """Somebody else has stored this very batch, too: what follows it is likely to be theirs."""
        self.leave_out({key for item in batch for key in item.keys})

    def _chosen(self) -> int | None:
        self.leave_out(self._watch.look() if self._watch else set())
        if self._last is not None and self._goes_on_at(self._last + 1):
            return self._last + 1
        waiting = [place for place, batch in enumerate(self._left) if batch]
        # what may be under way elsewhere comes last; of the rest the most expensive class first
        waiting = [place for place in waiting if place not in self._doubtful] or waiting
        if not waiting:
            return None
        waiting = [place for place in waiting if self._class[place] == self._class[waiting[0]]]
        if self._last is None:
            return self._chance.choice(waiting)
        stretches = ([place for _, place in own] for _, own in groupby(enumerate(waiting), lambda one: one[1] - one[0]))
        longest = max(stretches, key=len)
        # by chance not just the middle: two drivers may look for work at the same time
        return self._chance.choice(longest[len(longest) // 2 : (3 * len(longest) + 3) // 4])

    def _goes_on_at(self, place: int) -> bool:
        """Whether the next batch in line is free, and of the same class."""
        is_free = place < len(self._left) and bool(self._left[place]) and place not in self._doubtful
        return is_free and self._class[place] == self._class[place - 1]

    def leave_out(self, stored: set[str]) -> None:
        """Take units out of what is left whose records are all stored."""
        if not stored:
            return
        if not self._place:
            self._place = {key: i for i, batch in enumerate(self._all) for item in batch for key in item.keys}
        self._stored |= stored
        met = {self._place[key] for key in stored if key in self._place}
        for place in met:
            done = [item for item in self._left[place] if self._stored.issuperset(item.keys)]
            self._by_others += done
            self._left[place] = [item for item in self._left[place] if not self._stored.issuperset(item.keys)]
        # how much others have in flight nobody says: as much as this one, or they are met again
        ahead = self._in_flight()
        self._doubtful |= {place + i for place in met for i in range(ahead + 1)}
