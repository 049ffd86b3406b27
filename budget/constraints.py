"""Constraints of a brief: `detection.cost <= 2 * segmentation.cost` as coefficients over names. It evaluates nothing.

constraint: sum sense sum            sense: <= | >= | ==
sum:        [-] product ([+-] product)*
product:    factor ([*/] factor)*    at most one quantity in it, and none behind /
factor:     a number | a quantity
quantity:   name.buy | name.labels | name.cost
name:       a plain word, or any text in double quotes (a quote inside it is written \\")
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction

from budget.errors import Fault, InvalidInput
from budget.messages import nearest
from budget.prices import exact

QUANTITIES = ("buy", "labels", "cost")
TOTAL = "total"  # total.cost: all the money that is spent

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<quantity>(?:"(?:[^"\\]|\\.)*"|[^\W\d]\w*)\s*\.\s*[^\W\d]\w*)
    |(?P<sense><=|>=|==)|(?P<sign>[-+*/]))""",
    re.VERBOSE,
)
_WANTED = "for example: detection.cost <= 2 * segmentation.cost"
_TOO_LARGE = "a number too large to reckon with", "numbers below 1e300"


@dataclass(frozen=True)
class Constraint:
    """The sum of `coefficients[name, quantity]` times that quantity, `sense`, `right`. Each quantity stands once.

    >>> constraint = parse("2 * a.cost + 10 <= b.cost", {"a", "b"})
    >>> constraint.coefficients, constraint.sense, constraint.right
    ({('a', 'cost'): 2.0, ('b', 'cost'): -1.0}, '<=', -10.0)
    """

    text: str
    coefficients: dict[tuple[str, str], float]
    sense: str
    right: float


def parse(text: str, names: Collection[str]) -> Constraint:
    """The constraint that a text states over these names (and `total.cost`). Raises InvalidInput with its first fault,
    `path` being the character where it lies."""
    reader = _Tokens(text, names)
    left = reader.sum()
    sense = reader.take("sense", "<=, >= or ==")
    right = reader.sum()
    if reader.kind:
        raise reader.fault(f"{reader.word!r} after the end", "one <=, >= or == in a constraint")
    sums = {key: left.get(key, NONE) - right.get(key, NONE) for key in {**left, **right} if key is not None}
    try:
        coefficients = {key: float(value) for key, value in sorted(sums.items()) if value != 0}
        constant = float(right.get(None, NONE) - left.get(None, NONE))
    except OverflowError:
        raise reader.fault(*_TOO_LARGE) from None
    if not coefficients:
        raise reader.fault("nothing that a plan could change", _WANTED)
    return Constraint(text, coefficients, sense, constant)


NONE = Fraction(0)
_Sum = dict[tuple[str, str] | None, Fraction]  # None: the constant; exact, so that 0.1 + 0.2 is 0.3


class _Tokens:
    """The tokens of a text, one at a time: `kind` and `word` of the next one, empty at the end."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text, self._names = text, names
        self._found = self._scan()
        self.kind, self.word, self._start = next(self._found)

    def _scan(self) -> Iterator[tuple[str, str, int]]:
        position, end = 0, len(self._text.rstrip())
        while position < end:
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                start = position + len(self._text[position:]) - len(self._text[position:].lstrip())
                yield "unknown", self._text[start : start + 20].split()[0], start
                return
            yield match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
            position = match.end()
        yield "", "", end

    def take(self, kind: str, allowed: str) -> str:
        """The next token's text, which must be of this kind."""
        if self.kind != kind:
            raise self.fault(repr(self.word) if self.kind else "the end", allowed)
        word = self.word
        self.kind, self.word, self._start = next(self._found, ("", "", len(self._text)))
        return word

    def sum(self) -> _Sum:
        total: _Sum = {}
        sign = self._sign() if self.word in ("-", "+") else 1
        while True:
            key, value = self._product()
            total[key] = total.get(key, NONE) + sign * value
            if self.word not in ("-", "+"):
                return total
            sign = self._sign()

    def _sign(self) -> int:
        return -1 if self.take("sign", "+ or -") == "-" else 1

    def _product(self) -> tuple[tuple[str, str] | None, Fraction]:
        key, value = self._factor()
        while self.word in ("*", "/"):
            divide = self.take("sign", "* or /") == "/"
            start = self._start
            other, by = self._factor()
            if other is not None and (divide or key is not None):
                raise self.fault("a product or quotient of quantities", "numbers times one quantity (linear)", start)
            if divide and by == 0:
                raise self.fault("a division by 0", "a number other than 0", start)
            key, value = key or other, value / by if divide else value * by
        return key, value

    def _factor(self) -> tuple[tuple[str, str] | None, Fraction]:
        if self.kind == "number":
            value = float(self.take("number", "a number"))
            if math.isinf(value):
                raise self.fault(*_TOO_LARGE)
            return None, exact(value)
        start = self._start
        written = self.take("quantity", f"a number or NAME.buy, NAME.labels or NAME.cost, {_WANTED}")
        name, _, quantity = (part.strip() for part in written.rpartition("."))
        name = re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
        known = (*self._names, TOTAL)
        if name not in known:
            allowed = f"a task, a pool, a group or {TOTAL}"
            raise self.fault(f"the unknown name {name!r}", allowed, start, nearest(name, known))
        allowed_quantities = ("cost",) if name == TOTAL else QUANTITIES
        if quantity not in allowed_quantities:
            allowed = " or ".join(f"{name}.{each}" for each in allowed_quantities)
            raise self.fault(f"{name}.{quantity}", allowed, start, nearest(quantity, allowed_quantities))
        return (name, quantity), Fraction(1)

    def fault(self, found: str, allowed: str, start: int | None = None, hint: str = "") -> InvalidInput:
        where = (self._start if start is None else start) + 1
        return InvalidInput((Fault("", f"character {where}", found, allowed, hint),))
