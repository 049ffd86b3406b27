"""What labels cost: seconds, wages, annotators, review, lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budget.brief import Priced


def label_cost(line: Priced) -> float:
    """SKETCH. Money a label: label_cost, or seconds / 3600 x wage; x annotators x (1 + review) x objects_per_label."""
    raise NotImplementedError
