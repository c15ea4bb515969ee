"""What the sections share: types of values, and a model that refuses unknown keys."""

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

_MOST_WORKERS = 16  # each holds decoded batches in memory


def _count_workers(value: Any) -> Any:
    """Return for ``auto`` the cores that this process may use; other values as they are."""
    if value != "auto":
        return value
    from joblib import cpu_count

    return min(cpu_count(), _MOST_WORKERS)


Fraction = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]

Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

# Of this machine: the limits of a container count, too.
NumWorkers = Annotated[int, Field(ge=0, le=512), BeforeValidator(_count_workers)]

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy, torch and scikit-learn all take

ColumnName = Annotated[str, Field(min_length=1)]

Location = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]  # a path or a URL


def _check_weights(kinds: dict[str, float]) -> dict[str, float]:
    if not sum(kinds.values()) > 0:
        raise ValueError("it leaves nothing to make; give a kind a weight")
    return kinds


KindWeights = Annotated[
    dict[
        Literal[
            "face_swap", "reenactment", "talking_face", "attribute_edit", "self_blend", "morph"
        ],
        Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)],
    ],
    AfterValidator(_check_weights),
]


def _takes_bool(annotation: Any) -> bool:
    return annotation is bool or any(_takes_bool(part) for part in get_args(annotation))


class Params(BaseModel):
    """Base model: an unknown key is an error, a value never changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name
        if isinstance(value, bool) and name and not _takes_bool(cls.model_fields[name].annotation):
            raise ValueError("true and false are no value of it")
        return value
