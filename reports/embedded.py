"""The plan inside its page: written so that it can stand in HTML and XML, and read back whole.

What is long (curves, frontier) is packed where it would make the page heavy; all that a decision rests on is plain.
"""

from __future__ import annotations

import base64
import json
import lzma
import re
from html.parser import HTMLParser
from typing import Any

from markupsafe import Markup

from budget.errors import Fault, InvalidInput
from budget.plan import Plan

PACKED = "xz+base64"
LONG = 64_000  # characters of one part that are still written plainly
PARTS = ("evidence", "frontier")
UNSAFE = re.compile("[<>&\u2028\u2029\ufffe\uffff\ud800-\udfff]")  # in a script element, in XML, or in UTF-8


def json_text(value: Any) -> Markup:
    """JSON that may stand inside a script element of HTML and of XML alike: no `<`, `>` or `&` is left in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def embed(plan: Plan) -> Markup:
    """The text of `<script type="application/json" id="plan">`."""
    values = plan.to_dict()
    for part in PARTS:
        text = json.dumps(values[part], separators=(",", ":"), allow_nan=False)
        if len(text) > LONG:
            values[part] = {PACKED: base64.b64encode(lzma.compress(text.encode())).decode()}
    return json_text(values)


def extract(page: str, source: str = "") -> Plan:
    """The plan that this page was drawn from. Raises InvalidInput if there is none in it."""
    reader = _PlanReader()
    reader.feed(page)
    if not reader.text:
        fault = Fault(source, "", "a page without a plan in it", "a page that labelbudget wrote", "give it plan.json")
        raise InvalidInput((fault,))
    try:
        values = json.loads(reader.text)
        for part in PARTS:
            if isinstance(values, dict) and isinstance(values.get(part), dict) and PACKED in values[part]:
                values[part] = json.loads(lzma.decompress(base64.b64decode(values[part][PACKED], validate=True)))
    except (ValueError, TypeError, lzma.LZMAError, RecursionError) as error:
        fault = Fault(source, "", f"a plan that cannot be read ({error})", "the plan as labelbudget wrote it")
        raise InvalidInput((fault,)) from None
    return Plan.from_dict(values, source)


class _PlanReader(HTMLParser):
    """Collects the text of the script element with the id `plan`."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and ("id", "plan") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text += data
