"""What Streamlit serves: the page's script behind the door. `server.py` starts it; Streamlit finds ``app`` here by its name."""

from __future__ import annotations

import threading
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from shoal.dashboard.network_access import told_keeper, told_names
from shoal.dashboard.server.auth_middleware import AuthMiddleware
from shoal.dashboard.server.index_page import FirstPage
from shoal.dashboard.server.warmup import get_ready

app = st.App(
    Path(__file__).with_name("app.py"),
    middleware=[
        Middleware(AuthMiddleware, keeper=told_keeper(), names=told_names()),
        Middleware(FirstPage),
    ],
)
threading.Thread(target=get_ready, daemon=True).start()
