"""reports: shows a plan. It reads a Plan and nothing else, and computes nothing that a decision rests on."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.brand import Brand, brand_of
    from reports.markdown import to_markdown
    from reports.page import render, render_refusal
    from reports.pdf import to_pdf
    from reports.pictures import fits_to_svg, to_svg
    from reports.workbook import to_xlsx

__all__ = ["Brand", "brand_of", "fits_to_svg", "render", "render_refusal", "to_markdown", "to_pdf", "to_svg", "to_xlsx"]

_HOMES = {
    "Brand": "brand",
    "brand_of": "brand",
    "to_markdown": "markdown",
    "to_pdf": "pdf",
    "fits_to_svg": "pictures",
    "to_svg": "pictures",
    "to_xlsx": "workbook",
    "render": "page",
    "render_refusal": "page",
}


def __getattr__(name: str) -> Any:
    """Load a part only when it is asked for: importing this package stays light."""
    if name in _HOMES:
        return getattr(import_module(f"reports.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
