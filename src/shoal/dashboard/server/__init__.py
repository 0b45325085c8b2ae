"""The server of the page: its process, what stands before Streamlit, and the script it runs.

May import everything in `dashboard/`, and what `dashboard/` may import.
Start with `launch` (how the process is started), then `asgi` (what it serves) and `app` (the
script).
"""
