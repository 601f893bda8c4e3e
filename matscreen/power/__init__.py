"""What a run spends: seconds, CPU time and joules."""

from matscreen.power.ledger import Ledger, StageCost

__all__ = ["Ledger", "StageCost"]
