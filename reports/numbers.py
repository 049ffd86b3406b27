"""The one place where a number becomes text. How many decimals it gets follows from the difference it has to show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

from reports.language import Language, language_of

MINUS = "−"
MOST_DECIMALS = 8


def decimals_for(*differences: float, least: int = 0) -> int:
    """How many decimals make every one of these differences visible: the unit shown is at most half of the smallest.

    >>> decimals_for(0.07), decimals_for(0.004), decimals_for(300.0), decimals_for(0.0)
    (2, 3, 0, 0)
    """
    sizes = [abs(difference) for difference in differences if math.isfinite(difference) and abs(difference) > 0]
    if not sizes:
        return least
    needed = math.ceil(-math.log10(min(sizes) / 2) - 1e-9)
    return min(max(least, needed), MOST_DECIMALS)


def two_digits(value: float) -> int:
    """Decimals that leave two significant digits of `value`.

    >>> two_digits(0.00114), two_digits(3.04), two_digits(123.0)
    (4, 1, 0)
    """
    if not math.isfinite(value) or value == 0:
        return 0
    return min(max(0, 1 - math.floor(math.log10(abs(value)))), MOST_DECIMALS)


@dataclass(frozen=True)
class Numbers:
    """Numbers as text, in one currency and one language.

    >>> n, d = Numbers("USD"), Numbers("USD", language_of("de"))
    >>> n.money(0.0005)
    'USD\\xa00.00050'
    >>> n.money(59990.0), Numbers("€").money(1234.5), Numbers("credits").money(3), d.money(1234.5)
    ('USD\\xa059,990', '€1,234.50', '3\\xa0credits', '1.234,50\\xa0USD')
    >>> n.signed(-0.0004, 3), n.signed(0.0316, 2), n.probability(1.0), n.percent(0.1666, 1), n.times(6.23)
    ('0.000', '+0.03', 'over 99%', '16.7%', '6.2×')
    """

    currency: str
    say: Language = field(default_factory=partial(language_of, "en"))

    def plain(self, value: float, decimals: int = 0) -> str:
        """`1234.5` with 1 decimal -> `1,234.5`; a minus that looks like one, and never a minus before zero."""
        text = f"{value:,.{decimals}f}"
        if text.startswith("-"):
            text = MINUS + text[1:] if visible(text) else text[1:]
        return self.say.marked(text)

    def count(self, value: float) -> str:
        """A whole number of labels, runs, tasks."""
        return self.plain(round(value))

    def whole(self, value: float) -> str:
        """All digits that a value has, up to 8 decimals."""
        return self.plain(value, decimals_of(value))

    def compact(self, value: float) -> str:
        """For the tick of an axis only: `200000` -> `200k`. Ticks are round numbers, so nothing is lost."""
        for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
            if abs(value) >= size:
                return self.say(f"numbers.{name}", value=self.whole(value / size))
        return self.whole(value)

    def money(self, amount: float, decimals: int | None = None) -> str:
        """An amount with its currency, where the language puts a sign, a code such as USD, or another word."""
        fine = two_digits(amount) if 0 < abs(amount) < 0.005 else self.cents(amount)
        return self.with_currency(self.plain(amount, fine if decimals is None else decimals))

    def with_currency(self, text: str) -> str:
        """`text` with the currency where it belongs."""
        sign = len(self.currency) == 1 and not self.currency.isalnum()
        code = len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()
        kind = "sign" if sign else "code" if code else "word"
        minus = MINUS if sign and text.startswith(MINUS) else ""
        return minus + self.say(f"numbers.{kind}", currency=self.currency, amount=text.removeprefix(minus))

    def cents(self, *amounts: float) -> int:
        """Decimals for amounts that stand together: none if all are whole, else two."""
        return 0 if all(abs(amount - round(amount)) < 0.005 for amount in amounts) else 2

    def signed(self, value: float, decimals: int) -> str:
        """A difference, with its sign; zero has none."""
        text = self.plain(value, decimals)
        return text if text.startswith(MINUS) or not visible(text) else f"+{text}"

    def gain(self, value: float) -> str:
        """A single difference with two significant digits."""
        return self.signed(value, two_digits(value))

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share of a whole: never used for the difference between two shares."""
        return self.say("numbers.percent", value=self.plain(100 * share, decimals))

    def probability(self, probability: float) -> str:
        """A probability from a finite number of draws: never 0% or 100%."""
        if probability > 0.99:
            return self.say("numbers.over", value=self.percent(0.99))
        return self.say("numbers.under", value=self.percent(0.01)) if probability < 0.01 else self.percent(probability)

    def scientific(self, value: float) -> str:
        """A tiny number by its order of magnitude: `2.0e-06`."""
        return self.say.marked(f"{value:.1e}")

    def times(self, factor: float) -> str:
        """A multiple: `6.2×`."""
        return self.say("numbers.times", value=self.plain(factor, 1 if factor < 9.95 else 0))

    def interval(self, low: str, high: str) -> str:
        """Two numbers, already written, as a range."""
        return self.say("numbers.interval", low=low, high=high)


def visible(text: str) -> bool:
    """Does a number as written show anything but zeros?"""
    return any(digit in "123456789" for digit in text)


def decimals_of(value: float) -> int:
    """How many decimals `value` has, up to 8.

    >>> decimals_of(0.05), decimals_of(3.0), decimals_of(0.125)
    (2, 0, 3)
    """
    text = f"{value:.{MOST_DECIMALS}f}".rstrip("0")
    return len(text.partition(".")[2])
