"""The laws by name: one small file each."""

from __future__ import annotations

from budget.fitting.laws import additive, effective_data, flat, mmf4, multiplicative, odds, pow4, transfer_gap
from budget.fitting.laws.base import Law

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        pow4.LAW,
        mmf4.LAW,
        mmf4.TAKE_OFF,
        flat.LAW,
        effective_data.LAW,
        effective_data.ODDS_LAW,
        multiplicative.LAW,
        additive.LAW,
        odds.LAW,
        transfer_gap.LAW,
        flat.POOL_LAW,
    )
}

__all__ = ["LAWS", "Law"]
