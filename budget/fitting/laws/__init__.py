"""The laws by name: one small file each."""

from __future__ import annotations

from budget.fitting.laws import (
    additive,
    effective_data,
    flat,
    logarithmic,
    m4,
    mmf4,
    multiplicative,
    odds,
    pow3,
    pow4,
    transfer_gap,
    wbl4,
)
from budget.fitting.laws.base import Law

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        pow3.LAW,
        pow4.LAW,
        mmf4.LAW,
        mmf4.TAKE_OFF,
        flat.LAW,
        wbl4.LAW,
        logarithmic.LAW,
        m4.LAW,
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
