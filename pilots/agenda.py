"""Which job may start next: runs in the order of the design, each pretraining once and before the runs that need it.

Plain bookkeeping: it starts nothing and knows no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pilots.trainers import Run

Pretraining = tuple[tuple[tuple[str, int], ...], int]


class Agenda:
    """What is still to be done. A step is a Run, or the Pretraining (pools, seed) that runs wait for.

    With several slots pretraining goes on in all but one of them as long as there is any to do, so that it is not what
    everybody waits for in the end; with one slot the order of the runs is kept.

    >>> with_pool, without = Run("cars", 50, 0, (("general", 10),)), Run("cars", 50, 0)
    >>> agenda = Agenda([with_pool, without])
    >>> agenda.next(slots=2) == ((("general", 10),), 0), agenda.next(slots=2) == without, agenda.next(slots=2)
    (True, True, None)
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = deque(runs)
        self._waiting = deque(dict.fromkeys(pretraining(run) for run in self._runs if run.pools))
        self._missing = set(self._waiting)
        self._under_way = 0
        self._postponed: list[Run | Pretraining] = []

    def __len__(self) -> int:
        return len(self._runs) + len(self._postponed)

    def next(self, slots: int) -> Run | Pretraining | None:
        """The step to start now, taken off the agenda; None: nothing can start before something else has ended."""
        pretraining_first = self._under_way < slots - 1
        if slots == 1 and self._runs:
            pretraining_first = self._blocked(self._runs[0])
        if self._waiting and pretraining_first:
            return self._begin_pretraining()
        ready = next((run for run in self._runs if not self._blocked(run)), None)
        if ready is not None:
            self._runs.remove(ready)
            return ready
        return self._begin_pretraining() if self._waiting else None

    def put_back(self, step: Run | Pretraining) -> None:
        """A step that did not come to an end: the next to be done."""
        if isinstance(step, Run):
            self._runs.appendleft(step)
        else:
            self._under_way -= 1
            self._waiting.appendleft(step)

    def postpone(self, step: Run | Pretraining) -> None:
        """Somebody else is at this step: it is not offered again before `recall`."""
        self._under_way -= not isinstance(step, Run)
        self._postponed.append(step)

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
        self._under_way -= 1
        lost = {run: None for run in self._runs if run.pools and pretraining(run) == step}
        self._runs = deque(run for run in self._runs if run not in lost)
        return tuple(lost)

    def _blocked(self, run: Run) -> bool:
        return bool(run.pools) and pretraining(run) in self._missing

    def _begin_pretraining(self) -> Pretraining:
        self._under_way += 1
        return self._waiting.popleft()


def pretraining(run: Run) -> Pretraining:
    """The pretraining that a run starts from."""
    return (run.pools, run.seed)
