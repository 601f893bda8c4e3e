"""Surrogates: from descriptors to a property with a 90 % interval and an applicability flag."""

from __future__ import annotations

from matscreen.surrogates.persistence import load, save
from matscreen.surrogates.prediction import Prediction
from matscreen.surrogates.regression import data_hash, train
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.training_set import TrainingSet, load_training_set, save_training_set

__all__ = [
    "Prediction",
    "Surrogate",
    "TrainingSet",
    "data_hash",
    "load",
    "load_training_set",
    "save",
    "save_training_set",
    "train",
]
