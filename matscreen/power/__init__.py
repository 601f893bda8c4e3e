"""What a run spends, and when to spend it: energy ledger, carbon and price traces, planner."""

from matscreen.power.ledger import Ledger, StageCost, recorded

__all__ = ["Ledger", "StageCost", "recorded"]
