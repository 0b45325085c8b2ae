"""Streamlit's application: the page's script, behind the middleware that checks each visitor."""

from __future__ import annotations

import threading
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from shoal.dashboard.network_access import allowed_hosts_from_env, session_manager_from_env
from shoal.dashboard.server.auth_middleware import AuthMiddleware
from shoal.dashboard.server.index_page import IndexPageMiddleware
from shoal.dashboard.server.programs import ProgramsMiddleware
from shoal.dashboard.server.warmup import warm_up

app = st.App(
    Path(__file__).with_name("app.py"),
    middleware=[
        Middleware(
            AuthMiddleware,
            sessions=session_manager_from_env(),
            names=allowed_hosts_from_env(),
        ),
        Middleware(ProgramsMiddleware),
        Middleware(IndexPageMiddleware),
    ],
)

threading.Thread(target=warm_up, daemon=True).start()
