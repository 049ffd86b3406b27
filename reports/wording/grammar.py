"""Counts, lists and dates in words: what every sentence is built with."""

from __future__ import annotations

import re
from collections.abc import Sequence

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(count: int) -> str:
    """
    >>> number(0), number(3), number(40)
    ('no', 'three', '40')
    """
    return WORDS[count] if count < len(WORDS) else f"{count:,}"


def many(count: int, one: str, more: str = "") -> str:
    """
    >>> many(1, "task"), many(0, "task"), many(2, "copy", "copies")
    ('one task', 'no tasks', 'two copies')
    """
    return f"{number(count)} {one if count == 1 else more or one + 's'}"


def listing(names: Sequence[str]) -> str:
    """
    >>> listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def part_of(count: int, total: int, noun: str) -> str:
    """
    >>> part_of(1, 1, "task"), part_of(4, 4, "task"), part_of(3, 4, "task")
    ('the task', 'all four tasks', 'three of four tasks')
    >>> part_of(2, 2, "task")
    'both tasks'
    """
    if total == 1:
        return f"the {noun}"
    if count == total == 2:
        return f"both {noun}s"
    return f"all {many(total, noun)}" if count == total else f"{number(count)} of {many(total, noun)}"


def gets(count: int) -> str:
    return "gets" if count == 1 else "get"


def capital(words: str) -> str:
    """The words with a capital at their start."""
    return words[:1].upper() + words[1:]


def sentence(words: str) -> str:
    """
    >>> sentence("the budget is 100"), sentence("Done.")
    ('The budget is 100.', 'Done.')
    """
    return f"{capital(words.rstrip('.'))}." if words else ""


MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def moment(created: str) -> str:
    """
    >>> moment("2026-11-20T16:08:42Z"), moment("some day")
    ('20 November 2026, 16:08 UTC', 'some day')
    """
    found = re.match(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}:\d{2})", created)
    if not found or not 1 <= int(found[2]) <= 12:
        return created
    return f"{int(found[3])} {MONTHS[int(found[2]) - 1]} {found[1]}, {found[4]} UTC"
