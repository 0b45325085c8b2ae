"""What can be done with the runs that are chosen in a list: with one of them, or with many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from shoal.analysis.comparison import FEWEST, MOST
from shoal.dashboard.components.run_controls import run_controls, show_refusal
from shoal.dashboard.components.run_text import state_html
from shoal.dashboard.error_box import error_box
from shoal.dashboard.routing import go, link
from shoal.dashboard.session.commands import command_key, command_service, permission_hint
from shoal.dashboard.session.queries import is_attended, store
from shoal.errors import ShoalError
from shoal.presentation.formatting import quoted
from shoal.settings.search_settings import SearchSettings
from shoal.store import RunView
from shoal.store.labels import MOST_NAME, MOST_NOTE, MOST_TAGS

# States of runs that cannot be archived: they are worked on.
_AT_WORK = ("queued", "running")


def run_panel(runs: Sequence[RunView], known_tags: Sequence[str]) -> None:
    """Draw what can be done with these runs.

    Parameters
    ----------
    runs
        The chosen runs, at least one.
    known_tags
        Tags to offer: those of all runs.
    """
    with st.container(border=True, key="chosen-runs"):
        if len(runs) == 1:
            _one(runs[0], known_tags)
        else:
            _many(runs, known_tags)


def _many(runs: Sequence[RunView], known_tags: Sequence[str]) -> None:
    st.markdown(f"**{len(runs)} runs**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        why = None if len(runs) <= MOST else f"{FEWEST} to {MOST} runs can be compared."
        pressed = st.button(
            "Compare",
            type="primary",
            icon=":material/compare_arrows:",
            key="compare-chosen",
            disabled=why is not None,
            help=why,
        )
        if pressed:
            go("compare", runs=",".join(str(run.id) for run in runs))
        _archive_button(runs)

    hint = permission_hint()
    with st.form("tag-chosen", border=False, clear_on_submit=True):
        tags = _tag_field("Tags to add", known_tags, ())
        if st.form_submit_button("Add tags", icon=":material/sell:", disabled=bool(hint)):
            run_ids = [run.id for run in runs]
            _give(lambda: command_service().add_tags(run_ids, tags))


def _archive_button(runs: Sequence[RunView]) -> None:
    """Archive runs, or take them out of the archive when all are in it."""
    run_ids = [run.id for run in runs]
    obstacle = permission_hint()
    if all(run.archived is not None for run in runs):
        label, icon, archived = "Take out of the archive", ":material/unarchive:", False
    else:
        label, icon, archived = "Archive", ":material/archive:", True
        at_work = [str(run.id) for run in runs if run.state in _AT_WORK]
        if at_work:
            obstacle = obstacle or f"Worked on: run {', '.join(at_work)}. Stop it first."
    pressed = st.button(
        label,
        icon=icon,
        key="archive-chosen",
        disabled=obstacle is not None,
        help=obstacle or "Lists leave archived runs out. Nothing is deleted.",
    )
    if pressed:
        _give(lambda: command_service().archive(run_ids, archived=archived))


def _one(run: RunView, known_tags: Sequence[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        link("live", f"**Run {run.id}**", run=run.id)
        st.html(state_html(run), width="content")
        st.markdown(quoted(run.name), width="content")
    with st.container(horizontal=True, vertical_alignment="center"):
        run_controls(run, is_attended(run, store().supervisors()), place="chosen-")
        if st.button("Duplicate", icon=":material/content_copy:", key=f"duplicate-{run.id}"):
            go("new", like=run.id)
        _archive_button([run])
    show_refusal(run)
    if run.error:
        st.text(run.error)

    labels, carry_on, remove = st.tabs(["Name, tags, note", "Continue with more", "Delete"])
    with labels:
        _labels(run, known_tags)
    with carry_on:
        _continue(run)
    with remove:
        _delete(run)


def _labels(run: RunView, known_tags: Sequence[str]) -> None:
    hint = permission_hint()
    with st.form(f"labels-{run.id}", border=False):
        name = st.text_input("Name", run.name, max_chars=max(MOST_NAME, len(run.name)))
        tags = _tag_field("Tags", known_tags, run.tags)
        note = st.text_area("Note", run.note, max_chars=MOST_NOTE, height=100)
        pressed = st.form_submit_button(
            "Save", icon=":material/save:", disabled=hint is not None, help=hint
        )
    if not pressed:
        return

    def save() -> None:
        service = command_service()
        if name != run.name:
            service.rename(run.id, name)
        service.set_tags(run.id, tags)
        if note != run.note:
            service.write_note(run.id, note)

    _give(save)


def _tag_field(label: str, known: Sequence[str], chosen: Sequence[str]) -> list[str]:
    tags: list[str] = st.multiselect(
        label,
        list(dict.fromkeys([*known, *chosen])),
        list(chosen),
        accept_new_options=True,
        max_selections=MOST_TAGS,
        placeholder="A few short words",
    )
    return tags


def _give(command: Callable[[], None]) -> None:
    """Give a command, and draw the page anew; or say why it was refused."""
    try:
        command()
    except ShoalError as error:
        error_box(error)
        return
    st.rerun()


def _continue(run: RunView) -> None:
    """Larger budgets for a run that does not train now."""
    if run.state == "running":
        st.caption("It is running. Pause it first, or let it finish.")
        return

    note = "It goes on where it is."
    if run.settings.max_seconds is None:
        note = (
            "It goes on where it is, with the result of a run that had this budget from the start."
        )
    st.caption(note)

    with st.form(f"continue-{run.id}", border=False):
        larger = _larger_budgets(run.settings)
        hint = permission_hint()
        pressed = st.form_submit_button(
            "Continue",
            type="primary",
            icon=":material/play_arrow:",
            disabled=hint is not None,
            help=hint,
        )
        if not pressed:
            return
        try:
            command_service().resume(run.id, larger, command_key(run, "resume"))
        except ShoalError as error:
            error_box(error)
            return
        go("live", run=run.id)


def _larger_budgets(settings: SearchSettings) -> dict[str, float]:
    """Fields for the budgets that the run has; those that were raised, by their names."""
    now = settings.generations
    budgets: dict[str, float] = {"generations": now}
    wanted: dict[str, float] = {
        "generations": st.number_input("Generations in all", now, 1_000_000, now + 10)
    }

    if settings.evaluations is not None:
        budgets["evaluations"] = settings.evaluations
        wanted["evaluations"] = st.number_input(
            "Trainings in all", settings.evaluations, None, 2 * settings.evaluations
        )

    if settings.max_seconds is not None:
        budgets["max_seconds"] = settings.max_seconds
        wanted["max_seconds"] = st.number_input(
            "Seconds in all", settings.max_seconds, None, 2 * settings.max_seconds
        )

    return {name: value for name, value in wanted.items() if value > budgets[name]}


def _delete(run: RunView) -> None:
    """The removal of a run, which has to be typed."""
    if run.state == "running":
        st.caption("It is running. Stop it first; that keeps everything.")
        return

    st.caption(
        f"This removes its {run.evaluations:,} trainings and all that they found; it cannot be "
        "undone. Stopping or archiving a run keeps everything."
    )
    with st.form(f"delete-{run.id}", border=False):
        word = f"delete {run.id}"
        typed = st.text_input(f"Type “{word}” to confirm")
        hint = permission_hint()
        pressed = st.form_submit_button(
            "Delete permanently",
            icon=":material/delete_forever:",
            disabled=hint is not None,
            help=hint,
        )
        if not pressed:
            return
        if typed.strip().lower() != word:
            error_box(f"Nothing was deleted: “{word}” was not what you typed.")
            return
        _give(lambda: command_service().delete(run.id))
