"""The errors a user can meet: few, each with its exit status, saying what was found, what is allowed, what to try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place of one input.

    `place` is where (`brief.yaml:12:5`, `m.csv: row 4, column score`), `path` the field (`tasks.detection.lot`).

    >>> print(Fault("brief.yaml:3:9", "budget", "'lots'", "a number >= 0", "write a figure, for example 60000"))
    brief.yaml:3:9: budget: found 'lots'; allowed: a number >= 0; try: write a figure, for example 60000
    """

    place: str
    path: str
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.place, self.path) if part)
        advice = f"; {self.hint}" if self.hint.endswith("?") else f"; try: {self.hint}" if self.hint else ""
        return f"{where + ': ' if where else ''}found {self.found}; allowed: {self.allowed}{advice}"


class LabelBudgetError(Exception):
    """Anything this project says no to. `exit_status` is what the command ends with."""

    exit_status = 1


class InvalidInput(LabelBudgetError):
    """An input that cannot be used: every fault at once.

    >>> str(InvalidInput((Fault("m.csv: row 2", "labels", "-5", "a whole number >= 0"),)))
    'm.csv: row 2: labels: found -5; allowed: a whole number >= 0'
    """

    exit_status = 2

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


@dataclass(frozen=True)
class Shortfall:
    """One reason why a brief cannot be met, and the smallest change that would repair it: in words, and as the first
    `value` named there for the key of the brief at `path`."""

    reason: str
    repair: str
    path: str = ""
    value: float | str | None = None

    def __str__(self) -> str:
        return f"{self.reason}; smallest repair: {self.repair}"


class CannotBeMet(LabelBudgetError):
    """A valid brief that no plan satisfies: every reason, each with its smallest repair.

    >>> print(CannotBeMet((Shortfall("the minimums cost 120, the budget is 100", "raise the budget to 120"),)))
    the minimums cost 120, the budget is 100; smallest repair: raise the budget to 120
    """

    exit_status = 3

    def __init__(self, shortfalls: tuple[Shortfall, ...]) -> None:
        self.shortfalls = shortfalls
        super().__init__("\n".join(map(str, shortfalls)))
