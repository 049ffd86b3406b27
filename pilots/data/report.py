"""What is wrong with a set of files, collected: each kind of fault with its count and its first places."""

from __future__ import annotations

from dataclasses import dataclass, field

from budget.errors import Fault, InvalidInput

_PLACES = 3


@dataclass
class Report:
    """Faults by kind, as they are met; `found` and `kept` count the items before and after.

    >>> report = Report("cats/")
    >>> for name in ("a.png", "b.png", "c.png", "d.png"):
    ...     report.add("image that cannot be read", name)
    >>> print(report)
    cats/: 0 items found, 0 kept
      4 x image that cannot be read: a.png, b.png, c.png, ...
    """

    source: str
    found: int = 0
    kept: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        places = self.places.setdefault(kind, [])
        if len(places) < _PLACES:
            places.append(place)

    def lines(self) -> tuple[str, ...]:
        """One line a kind of fault, the most frequent first."""
        ordered = sorted(self.counts, key=lambda kind: (-self.counts[kind], kind))
        return tuple(f"{self.counts[kind]} x {kind}: {self._first(kind)}" for kind in ordered)

    def __str__(self) -> str:
        return "\n  ".join([f"{self.source}: {self.found} items found, {self.kept} kept", *self.lines()])

    def refuse(self) -> None:
        """Raise all faults as one error, if there are any."""
        if self.counts:
            faults = (
                Fault(self.source, kind, f"{count} ({self._first(kind)})", "none")
                for kind, count in self.counts.items()
            )
            raise InvalidInput(tuple(faults))

    def _first(self, kind: str) -> str:
        more = ", ..." if self.counts[kind] > len(self.places[kind]) else ""
        return ", ".join(self.places[kind]) + more
