"""The small words of error messages: how a value is shown, which name was meant, how a number should be written."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST = 60
FACTORS = ("k", "m", "g", "t", "tsd", "mn", "mio", "mil", "bn", "mrd")  # letters that are no unit

KeyPath = tuple[str | int, ...]


def shown(value: Any) -> str:
    """A value in an error message: short, one line, nothing unprintable.

    >>> shown("no"), shown(None), shown(True), shown({"a": 1}), shown(float("nan"))
    ("'no'", 'nothing', 'true', 'a mapping of 1 key', 'not a number (nan)')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number (nan)" if math.isnan(value) else f"an infinite number ({value})"
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)} key{'' if len(value) == 1 else 's'}"
    if isinstance(value, list | tuple | set):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST else value[: LONGEST - 1] + "…")
    text = str(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def nearest(found: str, allowed: Iterable[str]) -> str:
    """A hint that names what was probably meant, or nothing.

    >>> nearest("lable_cost", ["label_cost", "lot"])
    'did you mean label_cost?'
    """
    names = list(allowed)
    exact = [name for name in names if name.casefold() == found.casefold()]
    close = exact or difflib.get_close_matches(found[:300], names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def number_hint(found: Any) -> str:
    """How a number that came as text should be written.

    >>> number_hint("60,000"), number_hint("0,85"), number_hint("010"), number_hint("20 %"), number_hint("many")
    ('write 60000', 'write 0.85', 'write 10', 'write 0.2', '')
    """
    if not isinstance(found, str) or len(found) > 40:
        return ""
    grouped, plain = r"[1-9]\d{0,2}(?:[,_' ]\d{3})+(?:\.\d+)?", r"\d*(?:[.,]\d+)?"
    match = re.fullmatch(rf"[^\w.,+-]*([-+]?)0*(?:({grouped})|({plain}))\s*(%?|[^\W\d]{{0,3}}|[€$£¥])", found.strip())
    if not match or match[4].casefold() in FACTORS or not any(each.isdecimal() for each in found):
        return ""
    digits = re.sub(r"[,_' ]", "", match[2]) if match[2] else "0" + match[3].replace(",", ".")
    number = float(match[1] + digits) / (100 if match[4] == "%" else 1)
    return f"write {number:.15g}" if f"{number:.15g}" != found else ""


def path_text(path: KeyPath) -> str:
    """A key path as people write it; a name that is not a plain word stands in quotes.

    >>> path_text(("tasks", "lane marks", "tiers", 0, 1))
    'tasks."lane marks".tiers[0][1]'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in step)
            word = step if re.fullmatch(r"[\w-]+", step) else '"' + plain.replace('"', '\\"') + '"'
            text += f".{word}" if text else word
    return text
