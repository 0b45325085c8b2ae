"""An identity provider (OpenID Connect) as another way in: Streamlit talks to it, and its answer becomes a session of ours.

Configured as Streamlit's own ``st.login`` is, by ``[auth]`` in secrets.toml, with the one provider that stands there directly.
The page itself cannot call ``st.login``: nobody sees it before the login.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from streamlit.auth_util import (
    encode_provider_token,
    get_cookie_with_chunks,
    is_authlib_installed,
    validate_auth_credentials,
)
from streamlit.errors import StreamlitAuthError
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from shoal.auth import AccessError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

PATHS = ("/auth/login", "/oauth2callback")  # Streamlit's, where strangers come through
_COOKIE = "_streamlit_user"  # and more whose names begin like that, where it is long
_PROVIDER = "default"


def is_offered() -> bool:
    """Whether there is a provider."""
    try:
        validate_auth_credentials(_PROVIDER)
    except StreamlitAuthError:
        return False
    return bool(is_authlib_installed())


def beginning() -> str | None:
    """The address that sends a browser to the provider, good for some minutes."""
    return (
        f"{PATHS[0]}?{urlencode({'provider': encode_provider_token(_PROVIDER)})}"
        if is_offered()
        else None
    )


def address(request: Request) -> str | None:
    """The e-mail address of one who comes back from the provider; None for all others. Raises `AccessError` for an
    address that the provider does not vouch for.
    """
    if _COOKIE not in request.cookies or not is_offered():
        return None
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        return decode_signed_value(secret, name, request.cookies.get(name, ""))

    content = get_cookie_with_chunks(signed, _COOKIE)
    user = json.loads(content) if content else {}
    if (
        not user.get("is_logged_in")
        or user.get("origin") != f"{request.url.scheme}://{request.url.netloc}"
    ):
        return None
    if user.get("email_verified") is not True or not isinstance(user.get("email"), str):
        raise AccessError(
            "Your organisation does not vouch for your e-mail address (email_verified)."
        )
    return str(user["email"])


def forget(request: Request, answer: Response) -> None:
    """Take Streamlit's cookies back: from here on ours says who it is, and ends when it should."""
    for name in request.cookies:
        if name.startswith(_COOKIE):
            answer.delete_cookie(name)
