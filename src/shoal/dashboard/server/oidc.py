"""Login by an identity provider (OpenID Connect).

Streamlit talks to the provider; its answer becomes a session of ours. The provider is configured as
for Streamlit's own ``st.login``: by ``[auth]`` in secrets.toml, with one provider that stands there
directly. The page itself cannot call ``st.login``, since nobody sees the page before the login.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
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

_log = logging.getLogger(__name__)

# Paths of Streamlit's that visitors without a session have to reach.
PATHS = ("/auth/login", "/oauth2callback")

# Streamlit's cookie. A long one is cut into more cookies whose names begin alike.
_COOKIE = "_streamlit_user"
_PROVIDER = "default"


def is_offered() -> bool:
    """Whether a provider is configured and its library installed."""
    try:
        validate_auth_credentials(_PROVIDER)
    except StreamlitAuthError:
        return False
    return bool(is_authlib_installed())


def login_address() -> str | None:
    """The address that sends a browser to the provider; None without one. It expires in minutes."""
    if not is_offered():
        return None
    return f"{PATHS[0]}?{urlencode({'provider': encode_provider_token(_PROVIDER)})}"


def email_address(request: Request) -> str | None:
    """The e-mail address of a visitor who comes back from the provider; None for everybody else.

    Raises
    ------
    AccessError
        When the provider does not vouch for the address.
    """
    if _COOKIE not in request.cookies or not is_offered():
        return None

    user = _signed_user(request)
    here = f"{request.url.scheme}://{request.url.netloc}"
    if not user.get("is_logged_in") or user.get("origin") != here:
        return None

    email = user.get("email")
    if user.get("email_verified") is not True or not isinstance(email, str):
        _log.warning("login by the identity provider refused: the e-mail address is not verified")
        raise AccessError(
            "Your organisation does not vouch for your e-mail address (email_verified)."
        )
    return email


def _signed_user(request: Request) -> dict[str, Any]:
    """What Streamlit's signed cookie says of the visitor; empty when it is not Streamlit's."""
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        return decode_signed_value(secret, name, request.cookies.get(name, ""))

    content = get_cookie_with_chunks(signed, _COOKIE)
    if not content:
        return {}
    user: dict[str, Any] = json.loads(content)
    return user


def forget(request: Request, answer: Response) -> None:
    """Delete Streamlit's cookies: from here on our cookie identifies the visitor, and it ends."""
    for name in request.cookies:
        if name.startswith(_COOKIE):
            answer.delete_cookie(name)
