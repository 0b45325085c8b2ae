"""A process that posts one message to a webhook, and ends; `shoal.orchestration.webhook` starts it.

It is light to import.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.orchestration.message_process import send_requested
from shoal.system.child import Parent


def main(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry: post what the parent requests, and answer with what is wrong.

    Parameters
    ----------
    parent
        Requests ``url``, ``content`` and ``seconds``, the limit of the whole exchange.
    arguments
        None.
    """
    send_requested(parent, _post)


def _post(url: str, content: Mapping[str, Any], seconds: float) -> str | None:
    """Send a message as JSON. Returns what is wrong, without the address; None: it was taken.

    Redirects are not followed: nothing but the address that was given is ever asked.
    """
    body = json.dumps(content).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "shoal"}

    try:
        request = urllib.request.Request(url, body, headers, method="POST")
        with _opener().open(request, timeout=seconds):
            return None
    # The address may hold a secret, so that no error's own text is handed on as it is.
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except urllib.error.URLError as error:
        return _harmless_text(error.reason)
    except Exception as error:
        return _harmless_text(error)


def _opener() -> urllib.request.OpenerDirector:
    """What the standard library would use, without a handler of redirects."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler())
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    opener.add_handler(urllib.request.HTTPDefaultErrorHandler())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    return opener


def _harmless_text(error: object) -> str:
    """What is wrong. A library's own message may hold the address; the system's does not."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
