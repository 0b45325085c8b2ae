"""How settings name an objective, a metric or a decoder: by a name, or by a reference to code."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from shoal.objectives.options import Option
from shoal.objectives.registry import METRICS


class NamedCode(BaseModel):
    """A built-in thing by its name, or somebody's code by a reference; with its options.

    As JSON and TOML it is a text, or a table: ``{name = "top_share", share = 0.2}``,
    ``{name = "value_per_row", columns = {amount = "price"}}``.

    Attributes
    ----------
    name
        A built-in name, ``module:name`` or ``path.py:name`` with an absolute path.
    sha256
        Of the file that a reference names, 64 hexadecimal digits; None for a built-in name. Code is
        executed only if its file has this hash.
    options
        By name.
    columns
        Of an objective: the table's column that stands for one that the function names, where the
        table calls it something else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    sha256: str | None = None
    options: dict[str, Option] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _as_recorded(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the columns where none has another name, as earlier versions wrote it."""
        values: dict[str, Any] = fields(self)
        if not self.columns:
            values.pop("columns", None)
        return values

    @property
    def is_reference(self) -> bool:
        """Whether it names code in a file."""
        return ":" in self.name

    def __str__(self) -> str:
        """As people read it: its name, its options and the names of its columns."""
        values = {**self.options, **self.columns}
        if not values:
            return self.name
        shown = ", ".join(f"{name}={value}" for name, value in values.items())
        return f"{self.name} ({shown})"


def as_table(value: Any) -> Any:
    """What a user writes, with ``name`` and ``options`` apart.

    Examples
    --------
    >>> as_table("f1")
    {'name': 'f1'}
    >>> as_table({"name": "top_share", "share": 0.2})
    {'name': 'top_share', 'options': {'share': 0.2}}
    """
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict):
        return value

    table: dict[str, Any] = {}
    options = dict(value)
    for field in ("name", "sha256"):
        if field in options:
            table[field] = options.pop(field)
    # A text or a number is an option of that name.
    if isinstance(options.get("columns"), dict):
        table["columns"] = options.pop("columns")
    if isinstance(options.get("options"), dict):
        options |= options.pop("options")
    if options:
        table["options"] = options
    return table


def name_in(value: Any) -> str | None:
    """The name in what a user writes; None where there is none."""
    if isinstance(value, NamedCode):
        return value.name
    table = as_table(value)
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else None


def as_metric(value: Any) -> Any:
    """What a user writes for a metric: names of `METRICS` stay texts, as they were recorded."""
    if isinstance(value, str) and value in METRICS:
        return value
    return as_table(value)


# Settings that name code.
NamedCodeSetting = Annotated[NamedCode, BeforeValidator(as_table)]
MetricSetting = Annotated[str | NamedCode, BeforeValidator(as_metric)]
