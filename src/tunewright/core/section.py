"""A section of the plan: a frozen group of checked fields, each of which may be left open.

In: a dict of values. Out: a Section; whatever is left out is AUTO, which means "choose for me". Its own file because
every section of the plan is one, in whichever file it stands.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator


class Auto:
    """ "Choose for me": the one value that a plan may hold and a resolved plan may not."""

    _only: Auto | None = None

    def __new__(cls) -> Auto:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "auto"

    def __deepcopy__(self, memo: object) -> Auto:
        return self

    def __reduce__(self) -> tuple[type[Auto], tuple[()]]:
        return Auto, ()


AUTO: Any = Auto()
"""Typed Any so that fields keep the type they have once resolved."""


def is_auto(value: object) -> bool:
    return isinstance(value, Auto)


class Section(BaseModel):
    """A frozen group of fields; unknown keys are errors, the word auto means "choose for me"."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # a key that stands in the wrong place must not stand in a traceback
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_auto_out(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if not (value == "auto" or is_auto(value))}

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_numbers(cls, value: Any, info: Any) -> Any:
        annotation = str(cls.model_fields[info.field_name].annotation)
        items = value if isinstance(value, (list, tuple)) else (value,)
        if any(isinstance(item, bool) for item in items) and "bool" not in annotation:
            raise ValueError("a number or text is expected here, not yes/no (quote the word if you mean the text)")
        return value

    def with_(self, **changes: Any) -> Self:
        """A checked copy with these fields, or of a whole plan these sections, changed."""
        return type(self).model_validate({**{n: getattr(self, n) for n in type(self).model_fields}, **changes})
