"""What an organisation may put on the page: a title, a logo, an accent colour, a footer, and templates of its own."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from budget.errors import Fault, InvalidInput
from budget.inputs import read_bytes

PAPER = (0xFF, 0xFD, 0xF9)  # the page's background in light, which an accent has to stand out from
READABLE = 4.5  # least contrast of text, WCAG 2.2 level AA
LOGOS = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Brand:
    """`logo` is a picture as a data address; `accent` is `#rrggbb`; `templates` is looked in before our own."""

    title: str = ""
    logo: str = ""
    accent: str = ""
    footer: str = ""
    templates: Path | None = None


def brand_of(
    title: str = "", logo: Path | None = None, accent: str = "", footer: str = "", templates: Path | None = None
) -> Brand:
    """A checked Brand. Raises InvalidInput with every fault."""
    faults: list[Fault] = []
    if accent and not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        faults.append(Fault("--accent", "", repr(accent), "a colour such as #7d1236"))
    elif accent and contrast(accent) < READABLE:
        found = f"{accent}, contrast {contrast(accent):.1f} to the page"
        faults.append(Fault("--accent", "", found, f"at least {READABLE}", "take a darker shade"))
    if logo and logo.suffix.lower() not in LOGOS:
        faults.append(Fault("--logo", "", str(logo), f"a file that ends in {', '.join(LOGOS)}"))
    if templates and not templates.is_dir():
        faults.append(Fault("--template-dir", "", str(templates), "a folder"))
    if faults:
        raise InvalidInput(tuple(faults))
    return Brand(title, address(logo) if logo else "", accent, footer, templates)


def address(logo: Path) -> str:
    """The picture as a data address, so that the page asks for nothing. Raises InvalidInput."""
    content = base64.b64encode(read_bytes(logo, MOST_BYTES)).decode()
    return f"data:{LOGOS[logo.suffix.lower()]};base64,{content}"


def contrast(accent: str) -> float:
    """Contrast of a colour with the page's paper by WCAG 2.2, from 1 to 21.

    >>> round(contrast("#000000")), round(contrast("#fffdf9"))
    (21, 1)
    """
    own = luminance((int(accent[1:3], 16), int(accent[3:5], 16), int(accent[5:7], 16)))
    dark, light = sorted((own, luminance(PAPER)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
