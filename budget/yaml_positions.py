"""Reads YAML into plain values and remembers where each key and value stands. It knows nothing of briefs.

Values are read as YAML 1.2 reads them, so that `1e6` is a number and `no` and `12:30` are text; `010`, which is 8 to
some readers and 10 to others, stays text and so never becomes a price. Keys are always text, as written. An alias is
one shared object, never a copy: a file cannot grow while it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from budget.errors import Fault, InvalidInput
from budget.inputs import read_text
from budget.messages import KeyPath, path_text

MOST_BYTES = 10_000_000
DEEPEST = 20
MOST_VALUES = 1_000_000  # with every alias counted as what it stands for

_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Places:
    """Where the keys and values of one source stand, as line and column from 1.

    Any two compare equal: a brief read from a file is the same brief as one given as a dictionary.
    """

    source: str = field(default="", compare=False)
    values: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)
    keys: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    def place(self, *path: str | int, key: bool = False) -> str:
        """`source:line:column` of the value (or its key) at this path, or of the nearest one above it.

        >>> Places("b.yaml", {(): (1, 1), ("tasks",): (3, 8)}).place("tasks", "detection", "lot")
        'b.yaml:3:8'
        """
        exact = (self.keys if key else self.values).get(path)
        above = (self.values.get(path[:depth]) for depth in range(len(path), -1, -1))
        found = exact or next((position for position in above if position), None)
        return f"{self.source}:{found[0]}:{found[1]}" if found else self.source


def read_file(path: str | Path) -> tuple[Any, Places, list[Fault]]:
    """The file's value, the places in it, and what is wrong but not fatal (a key given twice, a tag).

    Raises InvalidInput when the file cannot be read as YAML at all.
    """
    return parse(read_text(path, MOST_BYTES), str(path))


def parse(text: str, source: str) -> tuple[Any, Places, list[Fault]]:
    """As `read_file`, for text that is at hand.

    >>> parse("budget: 1e6\\ncurrency: NO", "b.yaml")[0]
    {'budget': 1000000.0, 'currency': 'NO'}
    """
    builder = _Builder(source)
    try:
        # The parser gives events one by one and never recurses: depth is ours to limit.
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.YAMLError as error:
        raise InvalidInput((*builder.faults, _syntax_fault(error, source))) from None
    return builder.root, Places(source, builder.values, builder.keys), builder.faults


def _syntax_fault(error: yaml.YAMLError, source: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "text that is not YAML"
    tab = "tab" in problem.split() or "'\\t'" in problem
    hint = "indent with spaces, not tabs" if tab else "check indentation, colons and quotes"
    return Fault(place, "", f"a syntax error ({problem})", "YAML", hint)


def plain_scalar(text: str) -> Any:
    """What an unquoted scalar means.

    >>> [plain_scalar(text) for text in ("1e6", "12", "no", "010", "12:30", "true", "~")]
    [1000000.0, 12, 'no', '010', '12:30', True, None]
    """
    if text.lower() in _CONSTANTS and text in (text.lower(), text.upper(), text.capitalize()):
        return _CONSTANTS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


@dataclass
class _Open:
    """A mapping or list that has begun and not ended. `key`: the mapping's key that waits for its value."""

    value: dict[str, Any] | list[Any]
    path: KeyPath
    anchor: str | None
    before: int  # values counted before it
    key: str | None = None
    repeated: bool = False


class _Builder:
    """Turns parse events into values, with an explicit stack."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: Any = None
        self.values: dict[KeyPath, tuple[int, int]] = {}
        self.keys: dict[KeyPath, tuple[int, int]] = {}
        self.faults: list[Fault] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}  # the value and how many values it holds
        self._count = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(event, "a second document ('---')", "one document a file")
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.AliasEvent):
            anchor = str(event.anchor)
            if anchor not in self._anchors:
                self._stop(event, f"the alias *{anchor}", "an alias of an anchor that ended before it")
            value, size = self._anchors[anchor]
            self._count += size
            self._add(value, event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._stack.pop()
            self._remember(done.anchor, done.value, self._count - done.before)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._take_key(parent, parent.value, event)
            return
        self._check_tag(event)
        value = event.value if event.style else plain_scalar(event.value)
        self._remember(event.anchor, value, 1)
        self._add(value, event)

    def _take_key(self, parent: _Open, mapping: dict[str, Any], event: yaml.ScalarEvent) -> None:
        key = event.value
        path = (*parent.path, key)
        parent.key, parent.repeated = key, key in mapping
        if parent.repeated:
            found = f"the key {key!r} once more (first on line {self.keys[path][0]})"
            self.faults.append(
                Fault(self._place(event), path_text(path), found, "each key once", "remove one of the two")
            )
        else:
            self.keys[path] = _position(event)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        if len(self._stack) >= DEEPEST:
            self._stop(event, f"more than {DEEPEST} levels", f"at most {DEEPEST} levels, one inside the other")
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._add(value, event)
        self._stack.append(_Open(value, path, event.anchor, self._count - 1))

    def _add(self, value: Any, event: yaml.NodeEvent) -> KeyPath:
        """Put a value where it belongs; its path."""
        self._count += 1
        if self._count > MOST_VALUES:
            self._stop(event, f"more than {MOST_VALUES:,} values", "fewer; an alias counts as all that it stands for")
        path: KeyPath = ()
        if not self._stack:
            self.root = value
        elif isinstance(parent := self._stack[-1].value, list):
            path = (*self._stack[-1].path, len(parent))
            parent.append(value)
        else:
            opened = self._stack[-1]
            if opened.key is None:
                self._stop(event, "a key that is a list, a mapping or an alias", "keys that are text")
            path = (*opened.path, str(opened.key))
            if opened.repeated:
                path = (*path, "again")  # read on for its own faults, but keep the first
            else:
                parent[str(opened.key)] = value
            opened.key = None
        self.values[path] = _position(event)
        return path

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = value, size

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!"):
            self.faults.append(
                Fault(self._place(event), "", f"the tag {event.tag}", "values without tags", "remove it")
            )

    def _place(self, event: yaml.Event) -> str:
        line, column = _position(event)
        return f"{self.source}:{line}:{column}"

    def _stop(self, event: yaml.Event, found: str, allowed: str) -> None:
        raise InvalidInput((*self.faults, Fault(self._place(event), "", found, allowed)))


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
