"""Surrogates: from descriptors to a property with a 90 % interval and an applicability flag."""

from __future__ import annotations

from matscreen.surrogates.persistence import load, save
from matscreen.surrogates.regression import Prediction, Surrogate, data_hash, train

__all__ = ["Prediction", "Surrogate", "data_hash", "load", "save", "train"]
