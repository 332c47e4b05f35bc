"""The fitted part of a judge: weights, scaling and threshold, read from and written to a small JSON that people can read."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from footnote.core.errors import InvalidSettings
from serving.judge.features import FEATURES, FeatureVector

CALIBRATION_FILE = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True, slots=True)
class Weight:
    """One feature's part: ``weight`` applies to (value - mean) / deviation."""

    mean: float
    deviation: float
    weight: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression over ``FEATURES``.

    Attributes:
        description: what it was fitted on, for people.
        embedder: name of the model whose cosines it was fitted on; with another one scores mean something else.
        training_sha256: hash of each file of training data, by its name.
        threshold: a claim counts as supported from this score on.
        intercept: the score's logit where every feature has its mean.
        weights: one per feature, by name, in the order of ``FEATURES``.
    """

    description: str
    embedder: str
    training_sha256: Mapping[str, str]
    threshold: float
    intercept: float
    weights: Mapping[str, Weight]

    @property
    def revision(self) -> str:
        """Return twelve hexadecimal digits of the sha256 of all numbers that make a score."""
        numbers = {"intercept": self.intercept, "weights": {name: asdict(weight) for name, weight in self.weights.items()}}
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:12]

    def score(self, features: FeatureVector) -> float:
        """Return the score in [0, 1] of a feature vector, 0.5 where it is as likely supported as not on the balanced training data."""
        means, deviations, weights = np.array([(w.mean, w.deviation, w.weight) for w in self.weights.values()]).T
        logit = self.intercept + float(weights @ ((features - means) / deviations))
        return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def load_calibration(path: Path = CALIBRATION_FILE) -> Calibration:
    """Return the calibration in a file.

    Raises:
        InvalidSettings: the file is not a calibration, or it was fitted for other features than these.
    """
    try:
        calibration = TypeAdapter(Calibration).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidSettings(f"{path.name} is not a judge's calibration: {error}.") from error
    if tuple(calibration.weights) != FEATURES:
        raise InvalidSettings(f"{path.name} was fitted for other features than this version has.", hint="Fit it again: see docs/judge.md.")
    return calibration


def save_calibration(calibration: Calibration, path: Path = CALIBRATION_FILE) -> None:
    """Write a calibration, numbers rounded by the caller, keys in their order, a line feed at the end."""
    path.write_text(json.dumps(asdict(calibration), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
