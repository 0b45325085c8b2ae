"""Who is looking at the page.

`server/auth_middleware.py` has checked the visitor's session. Each script run and each command
checks it again here.
"""

from __future__ import annotations

import getpass

import streamlit as st

from shoal.auth import AccessError, Identity
from shoal.dashboard.network_access import LOOPBACK, cookie_name, session_manager_from_env


def current_user() -> Identity:
    """The visitor whose browser caused this run of the script, by their account as it is now.

    Where no login is required, that is the local user, as an operator.

    Raises
    ------
    AccessError
        When the visitor is not logged in, or not any more.
    """
    sessions = session_manager_from_env()
    if sessions is None:
        # Streamlit was started by other means than `shoal serve`.
        if st.get_option("server.address") not in LOOPBACK:
            raise AccessError(
                "Other machines can reach this page, and nobody is asked who they are.",
                remedy="shoal serve",
            )
        return Identity(_local_user(), "operator")

    cookie = cookie_name(int(st.get_option("server.port")))
    identity = sessions.identity(st.context.cookies.get(cookie))
    if identity is None:
        raise AccessError("You are not logged in.", remedy="load the page again")
    return identity


def require_user() -> Identity:
    """The visitor, before anything is read or shown. For strangers the script ends here."""
    try:
        return current_user()
    except AccessError as error:
        st.text(f"{error.problem} {error.remedy.capitalize()}.")
        st.stop()


def login_enabled() -> bool:
    """Whether visitors have to log in."""
    return session_manager_from_env() is not None


def user_badge(identity: Identity) -> None:
    """Draw the visitor's name and the way out; nothing where no login is required."""
    if not login_enabled():
        return
    with st.container(key="name-tag", horizontal=True, vertical_alignment="center", gap="small"):
        st.text(f"{identity.name} ({identity.role})", width="content")
        st.html('<a href="/logout" style="color: inherit">Log out</a>', width="content")


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # A container without a name for its user.
        return "local"
