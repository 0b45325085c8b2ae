"""Messages to people, by Apprise: chat rooms, mail, telephones (the extra "notify").

An address (`slack://...`, `mailto://...`) usually holds a secret: it is written down nowhere, and
no message names it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.errors import SettingsError
from shoal.orchestration.message_process import ANSWER_SECONDS, send_by
from shoal.system.child import Entry

# The environment's variable that holds the addresses, with spaces between them.
VARIABLE = "SHOAL_NOTIFY"
_KEY_DIGITS = 16


def check_messengers(urls: Sequence[str]) -> list[str]:
    """Return the addresses if Apprise knows what to do with each.

    Raises
    ------
    SettingsError
        Apprise is missing, or an address is none. The error does not name the address.
    """
    if not urls:
        return []
    if importlib.util.find_spec("apprise") is None:
        raise SettingsError(
            "Messages to people need apprise, which is missing.",
            remedy="pip install 'shoal[notify]'",
        )

    # Heavy, and of no use to most.
    from apprise import Apprise

    for place, url in enumerate(urls, start=1):
        if any(letter.isspace() for letter in url) or Apprise.instantiate(url) is None:
            raise SettingsError(
                f"Address {place} of {len(urls)} for messages cannot be used "
                "(it is not shown, as it may hold a secret).",
                expected="an address of Apprise, such as mailto://USER:PASSWORD@HOST",
                remedy=f"correct --notify, or the environment's {VARIABLE}",
            )
    return list(urls)


def key_of(url: str) -> str:
    """What the store calls an address: a digest, from which nobody reads it."""
    return hashlib.sha256(url.encode()).hexdigest()[:_KEY_DIGITS]


def notify(url: str, content: Mapping[str, Any]) -> str | None:
    """Send a message for people, in a process that is ended when that takes too long.

    Returns
    -------
    str or None
        None when it was taken, otherwise what is wrong, without the address.
    """
    return send_by(Entry.NOTIFY_POST, url, content, ANSWER_SECONDS)
