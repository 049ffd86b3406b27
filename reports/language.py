"""The language of a page: every text from its files in `languages/`, with counts, lists and dates written its way."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "de")
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"  # as the plan's own words write one


@dataclass(frozen=True, eq=False)
class Language:
    """The texts of one language.

    >>> say = language_of("en")
    >>> say("findings.look", 3), say("findings.look", 1)
    ('Three findings to look at before signing', 'One finding to look at before signing')
    >>> language_of("de")("findings.look", 3)
    'Drei Befunde, die vor der Unterschrift anzusehen sind'
    """

    code: str
    texts: Mapping[str, Any]
    said: Sequence[tuple[re.Pattern[str], str]] = field(default=())  # the plan's own words, and these in this language

    def __call__(self, key: str, count: int | None = None, /, **facts: str) -> str:
        """The text of this key with its facts; one that is counted, by `count`, which stands in it as {n} or {N}."""
        text = self.part(key)
        if isinstance(text, Mapping):
            forms = {0: "zero", 1: "one"}
            form = forms.get(-1 if count is None else count, "other")
            text = text.get(form, text["other"])
        if count is not None:
            facts |= {"n": self.number(count), "N": capital(self.number(count))}
        return str(text).format(**facts)

    def part(self, key: str) -> Any:
        """What stands at this key: a text, its counted forms, or a list."""
        found: Any = self.texts
        for step in key.split("."):
            found = found[step]
        return found

    def get(self, group: str, name: str) -> str:
        """The text for a name that may be from outside: where the group knows none, the name itself."""
        return str(self.part(group).get(name, name))

    def number(self, count: int) -> str:
        """
        >>> language_of("en").number(0), language_of("en").number(3), language_of("de").number(4000)
        ('no', 'three', '4.000')
        """
        words: list[str] = self.part("numbers.words")
        return words[count] if count < len(words) else self.marked(f"{count:,}")

    def marked(self, number: str) -> str:
        """A number as Python writes it, `1,234.5`, with this language's marks."""
        marks = str.maketrans({",": self.part("numbers.thousands"), ".": self.part("numbers.decimal")})
        return number.translate(marks)

    def listing(self, names: Sequence[str]) -> str:
        """
        >>> [language_of("en").listing(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])]
        ['a', 'a and b', 'a, b and c']
        """
        if len(names) < 2:
            return "".join(names)
        return self("numbers.and", first=", ".join(names[:-1]), last=names[-1])

    def moment(self, created: str) -> str:
        """
        >>> language_of("en").moment("2026-11-20T16:08:42Z"), language_of("de").moment("some day")
        ('20 November 2026, 16:08 UTC', 'some day')
        """
        found = re.match(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2})", created)
        if not found or not 1 <= int(found[2]) <= 12:
            return created
        month = self.part("numbers.months")[int(found[2]) - 1]
        return self("numbers.moment", day=str(int(found[3])), month=month, year=found[1], time=found[4])

    def translated(self, words: str) -> str:
        """The plan's own words, which are English, in this language; as they are where it does not know them.

        >>> language_of("de").translated("no repeats, so the noise is a guess; only 2 pilot sizes.")
        'keine Wiederholungen, das Rauschen ist also geschätzt; nur 2 Pilotgrößen.'
        """
        stop = "." if words.endswith(".") else ""
        return "; ".join(map(self._phrase, words.removesuffix(".").split("; "))) + stop

    def _phrase(self, words: str) -> str:
        for pattern, text in self.said:
            found = pattern.fullmatch(words)
            if found:
                facts = {name: self._fact(value) for name, value in found.groupdict().items()}
                return text.format(**facts)
        return words

    def _fact(self, value: str) -> str:
        return self.marked(value) if re.fullmatch(NUMBER, value) else ", ".join(map(self._phrase, value.split(", ")))


@cache
def language_of(code: str) -> Language:
    """The language of this code, one of LANGUAGES."""
    texts: dict[str, Any] = {}
    for part in sorted((files("reports") / "languages" / code).iterdir(), key=lambda part: part.name):
        texts |= tomllib.loads(part.read_text(encoding="utf-8"))
    return Language(code, texts, tuple((_pattern(plan), text) for plan, text in texts.pop("plan", {}).items()))


def _pattern(words: str) -> re.Pattern[str]:
    """Words with facts in braces as a pattern: a fact is anything, one whose name begins with n_ a number."""
    parts = re.split(r"\{(\w+)\}", words)
    facts = [f"(?P<{name}>{NUMBER if name.startswith('n_') else '.+?'})" for name in parts[1::2]]
    plain = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(part for pair in zip(plain, [*facts, ""], strict=True) for part in pair), re.DOTALL)


def capital(words: str) -> str:
    """The words with a capital at their start."""
    return words[:1].upper() + words[1:]


def sentence(words: str) -> str:
    """
    >>> sentence("the budget is 100"), sentence("Done.")
    ('The budget is 100.', 'Done.')
    """
    return f"{capital(words.rstrip('.'))}." if words else ""
