"""What a run spends: seconds, CPU time and joules."""

from matscreen.power.ledger import WATTS_PER_CORE, Ledger, StageCost

__all__ = ["WATTS_PER_CORE", "Ledger", "StageCost"]
