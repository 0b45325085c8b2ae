"""The fields of the form for a new run.

Each field keeps its value for the session, in the draft (`shoal.dashboard.session.new_run_draft`).
Texts of users are options or cells, never Markdown.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from shoal.dashboard.components.html_table import html_table
from shoal.dashboard.components.objective_form import objective_and_metric
from shoal.dashboard.session import new_run_draft
from shoal.dashboard.session.new_run_draft import key, preset_key, put, state
from shoal.data import Preset, recognise_task
from shoal.data.column_profile import ColumnFacts
from shoal.data.dataset import MAX_FOLDS, Encoding
from shoal.data.presets import DATA_PRESETS
from shoal.settings import field_help
from shoal.settings.budgets import BUDGETS, Budget
from shoal.settings.samplers import SAMPLERS
from shoal.settings.search_settings import MAX_WORKERS, SearchSettings

_log = logging.getLogger(__name__)

# How much of a table the preview shows.
FIRST_ROWS = 6
FIRST_COLUMNS = 60

# What the form says of each preset.
_PRESETS: dict[str, str] = {
    "modern": (
        "Scaled inputs, encoded categories, a validation part to select on, an untouched test part."
    ),
    "classic": (
        "The original search: raw numeric inputs, split 70 / 30, fitness on the training part."
    ),
}


@dataclass(frozen=True, slots=True)
class _BudgetField:
    """A number of the form's budget.

    Attributes
    ----------
    low, high
        The smallest and the largest value.
    help
        A tooltip.
    empty
        The field's text while it has no value; None for a field that always has one.
    """

    low: float
    high: float
    help: str
    empty: str | None = None


# The numbers of the budget; `_BUDGET_ROWS` says where each stands.
_BUDGET_FIELDS = {
    "generations": _BudgetField(
        1, 1_000_000, f"{field_help.GENERATIONS}; a finished run can be continued"
    ),
    "population": _BudgetField(2, 10_000, field_help.POPULATION),
    "iterations": _BudgetField(
        1,
        100_000_000,
        f"{field_help.ITERATIONS}; of the longest ones, where they differ",
    ),
    "repeats": _BudgetField(1, 1_000, f"{field_help.REPEATS}, each from another start"),
    "seed": _BudgetField(0, 2**53 - 1, f"{field_help.SEED}; the same seed gives the same result"),
    "max_seconds": _BudgetField(
        1.0,
        1e9,
        f"{field_help.MAX_SECONDS}; new results are then not reproducible bit for bit",
        empty="no limit",
    ),
    "workers": _BudgetField(
        1,
        MAX_WORKERS,
        f"{field_help.WORKERS}; never changes a result",
        empty="one for each core",
    ),
}
# The fields that a budget by name fills in.
_SET_BY_BUDGETS = ("generations", "population", "iterations", "max_seconds")
_BUDGET_ROWS = (
    ("generations", "population", "iterations", "repeats"),
    ("seed", "max_seconds", "sampler", "workers"),
)


def preview(table: new_run_draft.Table) -> None:
    """The first rows of a table, and what each of its columns holds."""
    columns = len(table.facts)
    st.caption(f"{len(table.source):,} rows, {columns:,} columns")

    rows_tab, columns_tab = st.tabs(["First rows", "Columns"])
    with rows_tab:
        html_table(table.source.frame.iloc[:FIRST_ROWS, :FIRST_COLUMNS], "rows")
        if columns > FIRST_COLUMNS:
            st.caption(f"The first {FIRST_COLUMNS} columns.")
    with columns_tab:
        html_table(_facts_table(table.facts), "columns")


def _facts_table(facts: Collection[ColumnFacts]) -> pd.DataFrame:
    used_as = dict.fromkeys(state("leave"), "left out")
    used_as |= dict.fromkeys(state("columns"), "stays with its row")
    used_as |= {
        state("order"): "order of the rows",
        state("group"): "group",
        state("weight"): "weight of a row",
        **dict.fromkeys((state("target"), *state("more_targets")), "target"),
    }

    rows = []
    for fact in facts:
        rows.append(
            {
                "Column": fact.name,
                "Holds": fact.kind,
                "Different": fact.distinct,
                "Missing": fact.missing,
                "Used as": used_as.get(fact.name, "feature"),
            }
        )

    return pd.DataFrame(rows)


def columns_and_target(table: new_run_draft.Table) -> dict[str, Any]:
    """Which column is predicted, as what kind of task, what is left out, and what is optimised.

    Returns
    -------
    dict
        The settings ``objective``, ``metric``, ``decoder`` and ``start_from``.

    Raises
    ------
    ShoalError
        When an option of the objective makes no sense.
    """
    names = [fact.name for fact in table.facts]
    left, right = st.columns(2, gap="small")

    # The choices beside it depend on the target, so it is asked first.
    target = left.selectbox("Target column", names, key=key("target"), persist_state="session")
    recognised = recognise_task(table.source[target])
    right.selectbox(
        "Task",
        ["", "regression", "classification"],
        format_func=lambda task: task or f"recognised: {recognised}",
        key=key("task"),
        persist_state="session",
    )

    others = [name for name in names if name != target]
    numbers = [fact.name for fact in table.facts if fact.holds_numbers and fact.name != target]
    _keep_known("more_targets", numbers)
    left.multiselect(
        "More targets",
        numbers,
        key=key("more_targets"),
        help="columns of numbers that the same network predicts",
        placeholder="none",
        persist_state="session",
    )

    others = [name for name in others if name not in state("more_targets")]
    _keep_known("leave", others)
    right.multiselect(
        "Columns to leave out",
        others,
        key=key("leave"),
        placeholder="none",
        persist_state="session",
    )
    if state("more_targets"):
        recognised = "regression"
    return objective_and_metric(state("task") or recognised)


def _keep_known(name: str, columns: Collection[str]) -> None:
    """Drop what a choice names besides these columns, which its field would refuse."""
    chosen = state(name)
    known = [column for column in chosen if column in columns]
    if len(known) < len(chosen):
        put(**{name: known})


def preset() -> Preset:
    """Ask for the preset, modern or classic, and return the choice."""
    chosen = st.radio(
        "Preset",
        list(_PRESETS),
        captions=list(_PRESETS.values()),
        horizontal=True,
        key=key("preset"),
        persist_state="session",
    )
    return cast("Preset", chosen)


def budget(chosen: new_run_draft.Usual) -> dict[str, Any]:
    """Ask how much is searched, and by which sampler.

    Parameters
    ----------
    chosen
        What the fields show at first.

    Returns
    -------
    dict
        Settings by name.
    """
    usual = SearchSettings.parse(chosen.settings)
    _named_budget(chosen.owner, usual)
    values: dict[str, Any] = {}
    for names in _BUDGET_ROWS:
        for column, name in zip(st.columns(4, gap="small"), names, strict=True):
            widget = preset_key(chosen.owner, name)
            # The session's state may have a value already, such as that of a duplicated run.
            st.session_state.setdefault(widget, getattr(usual, name))
            if name == "sampler":
                values[name] = _sampler_field(column, widget)
            else:
                values[name] = _budget_field(column, widget, name)

    return values


def _named_budget(owner: str, usual: SearchSettings) -> None:
    """Offer budgets by name: one fills in the fields below, which may be changed afterwards.

    Buttons, as they have no state of their own: a choice that a browser sends again, before it has
    heard that a field was changed, would fill the fields in once more, over what was typed.
    """
    now = {}
    for name in _SET_BY_BUDGETS:
        now[name] = st.session_state.get(preset_key(owner, name), getattr(usual, name))

    st.caption("Budget")
    with st.container(horizontal=True, gap="small", key="budgets"):
        for name, budget in BUDGETS.items():
            values = _of_budget(budget, usual)
            st.button(
                f"{name.capitalize()}: {budget.about}",
                key=preset_key(owner, f"budget-{name}"),
                type="primary" if values == now else "secondary",
                on_click=_fill_in,
                args=(owner, values),
            )


def _of_budget(budget: Budget, usual: SearchSettings) -> dict[str, Any]:
    """What the fields hold that a budget fills in."""
    values = budget.settings(usual)
    return {name: values.get(name, getattr(usual, name)) for name in _SET_BY_BUDGETS}


def _fill_in(owner: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        st.session_state[preset_key(owner, name)] = value


def _sampler_field(column: DeltaGenerator, widget: str) -> str:
    samplers = list(SAMPLERS)
    # A browser may send any text, and a sampler's name may be that of code.
    sent = st.session_state[widget]
    if sent not in samplers:
        _log.warning("a browser sent the sampler %r, which is refused", sent)
        st.session_state[widget] = samplers[0]

    sampler: str = column.selectbox(
        "Sampler", samplers, help=field_help.SAMPLER, key=widget, persist_state="session"
    )
    return sampler


def _budget_field(column: DeltaGenerator, widget: str, name: str) -> Any:
    field = _BUDGET_FIELDS[name]
    return column.number_input(
        setting_label(name),
        field.low,
        field.high,
        help=field.help,
        key=widget,
        placeholder=field.empty,
        persist_state="session",
    )


def setting_label(name: str) -> str:
    """A setting's name as a label: "Max seconds"."""
    return name.replace("_", " ").capitalize()


def split(table: new_run_draft.Table, chosen: str) -> dict[str, Any]:
    """Ask how the rows are divided into parts.

    Parameters
    ----------
    table
        The table to learn from.
    chosen
        The preset.

    Returns
    -------
    dict
        Options of `shoal.data.prepare_new`.
    """
    targets = (state("target"), *state("more_targets"))
    no_targets = [fact.name for fact in table.facts if fact.name not in targets]
    names = [name for name in no_targets if name not in state("leave")]
    # A column may have become the target, or have been left out.
    numbers = [fact.name for fact in table.facts if fact.name in names and fact.holds_numbers]
    for role, possible in (("order", no_targets), ("group", names), ("weight", numbers)):
        if state(role) not in ("", *possible):
            put(**{role: ""})
    _keep_known("same", names)
    _keep_known("columns", numbers)

    data_preset = DATA_PRESETS[chosen]
    options: dict[str, Any] = {
        "task": state("task") or None,
        "drop": state("leave"),
        "file_encoding": table.file_encoding,
        **new_run_draft.carried_over(chosen).data_options,
    }
    with st.expander(
        "Rows: test part, folds, order, groups, weights",
        icon=":material/call_split:",
        key="rows",
        on_change="rerun",
    ):
        left, right = st.columns(2, gap="small")
        options |= _test_part(left, right)
        if data_preset.validates:
            options |= _folds_and_logs(left, right)
            options |= _order(left, no_targets)
        if data_preset.keeps_rows_together:
            options |= _groups(left, right, names)
        options |= _roles(left, right, numbers)
        options |= _encoding(left)
        if not data_preset.validates:
            st.caption(f"{chosen.capitalize()} has no folds, order, groups or logarithms.")

    # A duplicated run may carry over a validation fraction, which applies only where one part of
    # the rows validates all trainings.
    one_part_validates = data_preset.validates and options["folds"] in (None, 1)
    if not one_part_validates:
        options.pop("validation_fraction", None)
    return options


def _test_part(left: DeltaGenerator, right: DeltaGenerator) -> dict[str, Any]:
    """The test part, and the seed of the split."""
    test_fraction = left.number_input(
        "Test fraction",
        0.0,
        0.9,
        step=0.05,
        key=key("test_fraction"),
        help=field_help.TEST_FRACTION,
        persist_state="session",
    )

    seed = right.number_input(
        "Data seed",
        0,
        2**32 - 1,
        key=key("data_seed"),
        help=field_help.DATA_SEED,
        persist_state="session",
    )

    return {"test_fraction": test_fraction, "seed": seed}


def _encoding(left: DeltaGenerator) -> dict[str, Any]:
    """What the inputs of networks are."""
    usual = new_run_draft.usual_encoding(state("decoder") or "")
    encoding = left.selectbox(
        "Encoding",
        ["", *get_args(Encoding)],
        format_func=lambda name: name or f"default: {usual}",
        key=key("encoding"),
        help=field_help.ENCODING,
        persist_state="session",
    )
    return {"encoding": encoding or usual}


def _folds_and_logs(left: DeltaGenerator, right: DeltaGenerator) -> dict[str, Any]:
    """How many folds there are, and whether features are taken as logarithms."""
    folds = left.number_input(
        "Folds",
        1,
        MAX_FOLDS,
        key=key("folds"),
        placeholder="5, or 1 where rows are too few",
        help=field_help.FOLDS,
        persist_state="session",
    )

    log_columns = right.selectbox(
        "Log columns",
        ["auto", "none"],
        key=key("logs"),
        help=field_help.LOG_COLUMNS,
        persist_state="session",
    )

    return {"folds": folds, "log_columns": log_columns}


def _column_or_none(
    place: DeltaGenerator, role: str, names: list[str], help_text: str, none: str = "none"
) -> str | None:
    """The column that has a role."""
    name: str = place.selectbox(
        f"{role.capitalize()} column",
        # No column has an empty name, so this one can stand for none.
        ["", *names],
        format_func=lambda name: name or none,
        key=key(role),
        help=help_text,
        persist_state="session",
    )
    return name or None


def _order(left: DeltaGenerator, names: list[str]) -> dict[str, Any]:
    """Whether rows are a series, and in which order."""
    none = "none: rows are shared out at random"
    return {"order": _column_or_none(left, "order", names, field_help.ORDER, none)}


def _groups(left: DeltaGenerator, right: DeltaGenerator, names: list[str]) -> dict[str, Any]:
    """Which rows stay in one part."""
    group = _column_or_none(left, "group", names, field_help.GROUP)

    kept = right.selectbox(
        "Rows that stay together",
        [new_run_draft.SAME_NO, new_run_draft.SAME_ALL, new_run_draft.SAME_SOME],
        key=key("kept"),
        help="so that no part is tested on copies of rows that it has learned",
        persist_state="session",
    )

    same: str | list[str] = []
    if kept == new_run_draft.SAME_ALL:
        same = "all"
    elif kept == new_run_draft.SAME_SOME:
        right.multiselect("Equal in", names, key=key("same"), persist_state="session")
        same = state("same", [])

    return {"group": group, "same": same}


def _roles(left: DeltaGenerator, right: DeltaGenerator, numbers: list[str]) -> dict[str, Any]:
    """Which columns of numbers are no features, and stay with their rows."""
    weight = _column_or_none(left, "weight", numbers, field_help.WEIGHT)

    right.multiselect(
        "Columns for objectives",
        numbers,
        key=key("columns"),
        help=field_help.COLUMNS,
        placeholder="none",
        persist_state="session",
    )
    return {"weight": weight, "columns": state("columns", [])}
