"""The two pages that stand before the dashboard: log in, log out.

Plain HTML without scripts. Everything that varies is escaped.
"""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from shoal.dashboard.components.streamlit_theme import THEME
from shoal.presentation.palette import DARK, LIGHT

# These pages load nothing, stand in no frame, and send their form to this server only.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_STYLE = f"""
:root {{
  color-scheme: light dark;
  --text: {LIGHT.text};
  --page: {THEME["theme.light.secondaryBackgroundColor"]};
  --card: {LIGHT.surface};
  --muted: {LIGHT.muted};
  --line: {THEME["theme.light.borderColor"]};
  --main: {THEME["theme.light.primaryColor"]};
  --bad: #a8260f;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --text: {DARK.text};
    --page: {THEME["theme.dark.sidebar.backgroundColor"]};
    --card: {DARK.surface};
    --muted: {DARK.muted};
    --line: {THEME["theme.dark.borderColor"]};
    --main: {THEME["theme.dark.primaryColor"]};
    --bad: #ff9c88;
  }}
}}
body {{
  margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
}}
main {{
  box-sizing: border-box; width: min(22rem, calc(100vw - 2rem)); padding: 1.75rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px;
}}
h1 {{ margin: 0 0 1rem; font-size: 1.4rem; }}
label {{ display: block; margin: .75rem 0 .25rem; }}
input {{
  box-sizing: border-box; width: 100%; padding: .55rem .7rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--muted); border-radius: 8px;
}}
button, a.button {{
  display: block; box-sizing: border-box; width: 100%; margin-top: 1.25rem; padding: .6rem;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none;
  color: #fff; background: var(--main); border: 0; border-radius: 8px; cursor: pointer;
}}
a {{ color: var(--main); }}
:focus-visible {{ outline: 3px solid var(--main); outline-offset: 2px; }}
.problem {{ margin: 0; color: var(--bad); }}
.hint {{ margin: 1.25rem 0 0; color: var(--muted); font-size: .87rem; }}
"""


def login_page(after: str, problem: str = "", provider: str | None = None) -> str:
    """The page that asks for name and password.

    Parameters
    ----------
    after
        The path that a successful login leads to.
    problem
        What went wrong with the last try.
    provider
        The address that begins a login by an identity provider; None without one.
    """
    alert = ""
    if problem:
        alert = f'<p class="problem" role="alert">{escape(problem)}</p>'

    provider_link = ""
    if provider is not None:
        provider_link = (
            f'<a class="button" href="{escape(provider)}">Log in with your organisation</a>'
        )

    action = escape(f"/login?{urlencode({'after': after})}")
    return _page(
        "Log in",
        f"""{alert}<form method="post" action="{action}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false"
  required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Log in</button></form>{provider_link}
<p class="hint">No password? A link with a token logs you in too. An administrator makes one:
shoal access token NAME</p>""",
    )


def logout_page(name: str) -> str:
    """The page that asks whether to log out."""
    return _page(
        "Log out",
        f"""<p>You are logged in as {escape(name)}.</p>
<form method="post" action="/logout"><button autofocus>Log out</button></form>
<p class="hint"><a href="/">Back to the dashboard</a></p>""",
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Shoal</title><link rel="icon" href="data:,"><style>{_STYLE}</style>
</head>
<body><main><h1>Shoal</h1>{body}</main></body>
</html>
"""
