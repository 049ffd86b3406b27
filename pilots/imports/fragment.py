"""A part of a brief, made of what annotation files and price lists say: to be pasted, never written into a brief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from budget.errors import Fault, InvalidInput
from pilots.imports.labelled import read_labelled
from pilots.imports.price_lists import KINDS, MONEY, WHOLE, Entry, read_prices


@dataclass(frozen=True)
class Fragment:
    """By kind (tasks, pools) and name the keys of a brief; `notes`: what was counted where."""

    entries: dict[str, Entry] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As the brief has it: {"tasks": {name: keys}, "pools": …}; what is empty is left out."""
        found = {
            f"{kind}s": {
                name: {key: value for key, value in entry.items() if key != "kind"}
                for name, entry in self.entries.items()
                if entry["kind"] == kind
            }
            for kind in KINDS
        }
        return {section: lines for section, lines in found.items() if lines}

    def text(self) -> str:
        """As YAML, the notes as comments."""
        import yaml

        lines = ["# " + "".join(letter if letter.isprintable() else "?" for letter in note) for note in self.notes]
        body = yaml.safe_dump(self.document(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)
        return "\n".join([*lines, body.rstrip()])

    def joined(self, other: Fragment) -> Fragment:
        """Both; of a name in both the keys of either, those of `other` going before."""
        entries = dict(self.entries)
        for name, entry in other.entries.items():
            entries[name] = entries.get(name, {}) | entry
        return Fragment(entries, self.notes + other.notes)


def read_fragment(path: Path, fields: Mapping[str, str], constants: Mapping[str, str]) -> Fragment | None:
    """What a file of annotations or a price list says; None: it is neither.

    constants: `name` (else the file's), `kind` (task or pool), `hourly_wage` and other keys with a number.
    Raises InvalidInput.
    """
    prices = read_prices(path, fields, constants)
    if prices is not None:
        return Fragment(prices)
    found = read_labelled(path)
    if found is None:
        return None
    extra = {key: value for key, value in constants.items() if key not in ("name", "kind")}
    kind = constants.get("kind", "task")
    entry = {"kind": kind} | found.brief_keys() | {key: _value(str(path), key, text) for key, text in extra.items()}
    if kind not in KINDS:
        raise InvalidInput((Fault(str(path), "kind", repr(kind), " or ".join(KINDS)),))
    return Fragment({constants.get("name", path.stem): entry}, (found.note(path.name),))


def _value(source: str, key: str, text: str) -> float:
    if key not in (*WHOLE, *MONEY):
        allowed = f"name, kind, {', '.join((*WHOLE, *MONEY))}"
        raise InvalidInput((Fault(source, "--set", repr(key), allowed, "--set name=detection"),))
    try:
        return int(text) if key in WHOLE else float(text)
    except ValueError:
        raise InvalidInput((Fault(source, f"--set {key}", repr(text), "a number"),)) from None
