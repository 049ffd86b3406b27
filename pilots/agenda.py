"""Which job may start next: runs in the order of the design, each pretraining once and before the runs that need it.

Plain bookkeeping: it starts nothing and knows no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice

from pilots.trainers import Run

Pretraining = tuple[tuple[tuple[str, int], ...], int]


@dataclass(frozen=True)
class Group:
    """Runs for one process: in most cases one."""

    runs: tuple[Run, ...]


def no_kin(run: Run) -> Hashable:
    """Every run goes alone."""
    return run


class Agenda:
    """What is still to be done. A step is a Group of runs, or the Pretraining (pools, seed) that runs wait for.

    kin, most: runs of the same `kin` go together, `most` at a time, once the pretrainings of all of them are done.

    With several slots pretraining goes on in all but one of them as long as there is any to do, so that it is not what
    everybody waits for in the end; with one slot the order of the runs is kept.

    >>> with_pool, without = Run("cars", 50, 0, (("general", 10),)), Run("cars", 50, 0)
    >>> agenda = Agenda([with_pool, without])
    >>> agenda.next(slots=2) == ((("general", 10),), 0), agenda.next(slots=2).runs == (without,), agenda.next(slots=2)
    (True, True, None)
    """

    def __init__(self, runs: Iterable[Run], kin: Callable[[Run], Hashable] = no_kin, most: int = 1) -> None:
        self._runs = deque(runs)
        self._kin, self._most = kin, most
        self._waiting = deque(dict.fromkeys(step for step in map(pretraining, self._runs) if step))
        self._missing = set(self._waiting)
        self._needs: dict[Hashable, set[Pretraining]] = {}
        for run in self._runs:
            self._needs.setdefault(kin(run), set()).update(filter(None, [pretraining(run)]))
        self._alone: set[Run] = set()
        self._under_way = 0
        self._postponed: list[Run | Pretraining] = []

    def __len__(self) -> int:
        return len(self._runs) + sum(isinstance(step, Run) for step in self._postponed)

    def next(self, slots: int) -> Group | Pretraining | None:
        """The step to start now, taken off the agenda; None: nothing can start before something else has ended."""
        pretraining_first = self._under_way < slots - 1
        if slots == 1 and self._runs:
            pretraining_first = self._blocked(self._runs[0])
        if self._waiting and pretraining_first:
            return self._begin_pretraining()
        ready = next((run for run in self._runs if not self._blocked(run)), None)
        if ready is not None:
            return self._take(ready)
        return self._begin_pretraining() if self._waiting else None

    def _take(self, first: Run) -> Group:
        """This run with those that go with it."""
        runs = [first]
        if self._most > 1 and first not in self._alone:
            kin = self._kin(first)
            mates = (run for run in self._runs if run != first and run not in self._alone and self._kin(run) == kin)
            runs += islice(mates, self._most - 1)
        for run in runs:
            self._runs.remove(run)
        return Group(tuple(runs))

    def put_back(self, step: Group | Pretraining) -> None:
        """A step that did not come to an end: the next to be done, each of its runs alone."""
        if isinstance(step, Group):
            self._alone.update(step.runs)
            self._runs.extendleft(reversed(step.runs))
        else:
            self._under_way -= 1
            self._waiting.appendleft(step)

    def postpone(self, step: Group | Pretraining) -> None:
        """Somebody else is at this step: it is not offered again before `recall`."""
        self._under_way -= not isinstance(step, Group)
        self._postponed += step.runs if isinstance(step, Group) else [step]

    def recall(self) -> None:
        """Offer what was postponed again, after the rest."""
        for step in self._postponed:
            if isinstance(step, Run):
                self._runs.append(step)
            else:
                self._waiting.append(step)
        self._postponed.clear()

    def pretrained(self, step: Pretraining) -> None:
        """The runs that waited for this pretraining may start."""
        self._under_way -= 1
        self._missing.discard(step)

    def give_up(self, step: Pretraining) -> tuple[Run, ...]:
        """This pretraining will never be: the runs that waited for it, taken off the agenda."""
        self.pretrained(step)
        lost = {run: None for run in self._runs if pretraining(run) == step}
        self._runs = deque(run for run in self._runs if run not in lost)
        return tuple(lost)

    def _blocked(self, run: Run) -> bool:
        return not self._needs[self._kin(run)].isdisjoint(self._missing)

    def _begin_pretraining(self) -> Pretraining:
        self._under_way += 1
        return self._waiting.popleft()


def pretraining(run: Run) -> Pretraining | None:
    """The pretraining that a run waits for; those few that compare another network do their own."""
    return (run.pools, run.seed) if run.pools and not run.backbone else None
