"""reports: shows a plan. It reads a Plan and nothing else, and computes nothing that a decision rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.page import render

__all__ = ["render"]


def __getattr__(name: str) -> Any:
    """Load the page only when it is asked for: importing this package stays light."""
    if name == "render":
        from reports.page import render

        return render
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
