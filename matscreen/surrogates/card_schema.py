"""What every card must say, checked when a model is saved and when it is read.

A card is plain JSON of one format version. `SurrogateCard` and `ClassifierCard` name what no card
may lack and its type; a card may say more (`transfer`, `evidence`). `json_schema` exports both, so
that other programs can check cards too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from matscreen.errors import ModelError
from matscreen.surrogates.card import FORMAT

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]
Amount = Annotated[float, Field(ge=0.0)]

_CHANGED: Final = (
    "format 3 states licence and version of the training data, and marks labelled elements"
)
_MOST_NAMED: Final = 3


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Origin(_Part):
    """Where the training data come from; more may be said of a published set."""

    source: Text
    version: Text
    licence: Text


class Split(_Part):
    """How rows were held out."""

    method: Text
    n_splits: Annotated[int, Field(ge=1)]
    seed: int


class Interval(_Part):
    """Intervals of a surrogate, or sets of a classifier."""

    level: Annotated[float, Field(gt=0.0, lt=1.0)]
    method: Text


class DomainOf(_Part):
    """Applicability domain."""

    method: Text
    threshold: Annotated[float, Field(gt=0.0)]
    widening: Text


class Scores(_Part):
    """Scores on rows that were held out; a surrogate's in the unit of its property."""

    coverage_90: Share | None
    fraction_in_domain: Share | None


class SurrogateScores(Scores):
    """Scores of a surrogate."""

    mae: Amount
    null_mae: Amount
    coverage_worst_part: Share | None
    miscalibration_area: Share | None
    mean_width: Amount
    winkler: Amount


class ClassifierScores(Scores):
    """Scores of a classifier."""

    accuracy: Share
    balanced_accuracy: Share
    log_loss: Amount
    null_log_loss: Amount
    coverage_worst_class: Share
    mean_set_size: Amount


class _Card(_Part):
    format: Literal[FORMAT]  # type: ignore[valid-type]
    model_id: Text
    training_data: Origin
    data_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    n_labels: Annotated[int, Field(ge=1)]
    n_groups: Annotated[int, Field(ge=1)]
    n_rejected: Count
    descriptor_set: str
    descriptor_version: str
    labels: Annotated[list[str], Field(min_length=1)]
    n_used_features: Count
    model: Text
    weights: dict[str, float]
    fallback: str | None
    selection: dict[str, float]
    split: Split
    domain: DomainOf
    scheme: Text
    versions: Annotated[dict[str, str], Field(min_length=1)]
    seconds: Amount
    cpu_seconds: Amount
    joules: Amount
    out_of_fold: dict[str, list[Any]]

    @model_validator(mode="after")
    def _agree(self) -> _Card:
        lengths = {name: len(column) for name, column in self.out_of_fold.items()}
        wrong = {name: n for name, n in lengths.items() if n != self.n_labels}
        if wrong or not lengths:
            raise ValueError(f"out_of_fold has columns of {wrong}, n_labels is {self.n_labels}")
        if "scikit-learn" not in self.versions:
            raise ValueError("versions does not say which scikit-learn")
        return self


class SurrogateCard(_Card):
    """Card of a surrogate of a registry property."""

    property: Text
    unit: Text
    transform: Literal["none", "log10"]
    members: list[str]
    interval: Interval
    extrapolation: dict[str, Any]
    metrics: SurrogateScores


class ClassifierCard(_Card):
    """Card of a classifier of a label."""

    kind: Literal["classifier"]
    label: Text
    classes: Annotated[list[Text], Field(min_length=2)]
    class_counts: list[Count]
    calibration: Text
    sets: Interval
    metrics: ClassifierScores


def check_card(card: Mapping[str, Any], where: str) -> None:
    """Refuse a card that lacks something or says it in another type.

    Args:
        card: The card of a surrogate or of a classifier (`kind`).
        where: What to name in the message: a folder, or what was to be saved.

    Raises:
        ModelError: The card is of another format, or a field is missing or wrong; each is named.
    """
    found = card.get("format")
    if found != FORMAT:
        older = isinstance(found, int) and found < FORMAT
        hint = f" ({_CHANGED})" if older else ""
        raise ModelError(
            f"{where}: a card of format {found!r}, this version reads format {FORMAT}{hint}: "
            "train again"
        )
    schema = ClassifierCard if card.get("kind") == "classifier" else SurrogateCard
    try:
        schema.model_validate(dict(card))
    except ValidationError as error:
        problems = [_problem(item) for item in error.errors(include_url=False)]
        more = len(problems) - _MOST_NAMED
        said = "; ".join(problems[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise ModelError(f"{where}: its card does not fit format {FORMAT}: {said}") from error


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a card: that of a surrogate or of a classifier."""
    from pydantic import TypeAdapter

    return TypeAdapter(ClassifierCard | SurrogateCard).json_schema()


def _problem(item: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in item["loc"]) or "card"
    if item["type"] == "missing":
        return f"{place} is missing"
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item.get("input")
    seen = f" (got {value!r})" if isinstance(value, str | int | float | type(None)) else ""
    return f"{place}: {message}{seen}"
