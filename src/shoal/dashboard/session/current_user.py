"""Who is looking at the page. `door.py` has let them in; here each script and each command asks again."""

from __future__ import annotations

import getpass

import streamlit as st

from shoal.auth import AccessError, Identity
from shoal.dashboard.network_access import LOOPBACK, cookie_name, session_manager_from_env


def current_user() -> Identity:
    """The one whose browser has caused this run of the script, by their account as it is now.

    Where nobody is asked, the local user, an operator. Raises `AccessError` for one who is not, or not any more, let in.
    """
    keeper = session_manager_from_env()
    if keeper is None:
        if (
            st.get_option("server.address") not in LOOPBACK
        ):  # started by other means than `shoal serve`
            raise AccessError(
                "Other machines can reach this page, and nobody is asked who they are.",
                remedy="shoal serve",
            )
        return Identity(_local_user(), "operator")
    found = keeper.identity(st.context.cookies.get(cookie_name(int(st.get_option("server.port")))))
    if found is None:
        raise AccessError("You are not logged in.", remedy="load the page again")
    return found


def require_user() -> Identity:
    """Before anything is read or shown: who it is. For all others the script ends here."""
    try:
        return current_user()
    except AccessError as error:
        st.text(f"{error.problem} {error.remedy.capitalize()}.")
        st.stop()


def login_enabled() -> bool:
    """Whether people log in here at all."""
    return session_manager_from_env() is not None


def user_badge(identity: Identity) -> None:
    """Who one is logged in as, and the way out; nothing where nobody is asked."""
    if login_enabled():
        with st.container(
            key="name-tag", horizontal=True, vertical_alignment="center", gap="small"
        ):
            st.text(f"{identity.name} ({identity.role})", width="content")
            st.html('<a href="/logout" style="color: inherit">Log out</a>', width="content")


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without a name for its user
        return "local"
