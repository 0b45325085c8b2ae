"""Informs a webhook and people of what became of runs, beside the work: no run waits or fails.

The messages wait in the store (`Store.lease_message`), so each is sent although its supervisor has
died, and by one of many supervisors. The address may hold a secret: it is written down nowhere, and
no message names it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from shoal.errors import SettingsError
from shoal.orchestration.message_process import ANSWER_SECONDS, send_by
from shoal.orchestration.messengers import key_of, notify
from shoal.store import Store
from shoal.system.child import Entry

# The environment's variable that holds the address.
VARIABLE = "SHOAL_WEBHOOK"
POLL_SECONDS = 2.0
# Runs are checked for a stall once in this many polls.
STALLED_POLL_ROUNDS = 15
# For messages that still wait when the process ends, which is given ten seconds for its end.
FAREWELL_SECONDS = 8.0
_log = logging.getLogger(__name__)


def check_webhook(url: str) -> str:
    """Return the address if one can post to it.

    Raises
    ------
    SettingsError
        One cannot. The error does not name the address.
    """
    if not _can_be_posted_to(url):
        raise SettingsError(
            "The webhook's address cannot be used (it is not shown, as it may hold a secret).",
            expected="http://HOST/PATH or https://HOST/PATH, without spaces, user or password",
            remedy=f"correct --webhook, or the environment's {VARIABLE}",
        )
    return url


def _can_be_posted_to(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url:
        return False

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False

    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    has_user = "@" in parts.netloc
    return not has_user and port != 0


def post(url: str, content: Mapping[str, Any]) -> str | None:
    """Send a message as JSON, in a process that is ended when the answer takes too long.

    A limit of a socket is one for each byte: who answers slowly enough would be waited for for
    ever.

    Returns
    -------
    str or None
        None when it was taken (any answer from 200 to 299), otherwise what is wrong, without the
        address.
    """
    return send_by(Entry.WEBHOOK_POST, url, content, ANSWER_SECONDS)


# Sends a message to an address; what is wrong, or None.
Send = Callable[[str, Mapping[str, Any]], "str | None"]


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Who is informed: an address, how messages get there, and what it is called.

    ``key`` is what the store calls it; ``name`` is for people.
    """

    key: str
    name: str
    url: str
    send: Send


class WebhookSender:
    """A thread of a supervisor that notes runs that stall, and sends messages that are due.

    Parameters
    ----------
    store
        Where the messages wait.
    url
        The webhook that is informed; None: none.
    send
        Sends a message to the webhook, as `post` does.
    messengers
        Addresses of Apprise that are informed, too. Each gets a message of its own, and once one
        has taken it, it is not sent there again.
    send_to_people
        Sends a message to one of them, as `notify` does.
    """

    def __init__(
        self,
        store: Store,
        url: str | None,
        send: Send = post,
        *,
        messengers: Sequence[str] = (),
        send_to_people: Send = notify,
    ) -> None:
        self.store = store
        self._receivers: list[_Receiver] = []
        if url:
            self._receivers.append(_Receiver("webhook", "the webhook", url, send))
        for number, address in enumerate(dict.fromkeys(messengers), start=1):
            receiver = _Receiver(key_of(address), f"messenger {number}", address, send_to_people)
            self._receivers.append(receiver)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="webhook", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Send what is due once more, if that is quick; the rest stays in the store."""
        self._end.set()
        self._thread.join(FAREWELL_SECONDS)

    def _loop(self) -> None:
        rounds = 0
        while not self._end.wait(POLL_SECONDS):
            self._round(look_for_stalled=rounds % STALLED_POLL_ROUNDS == 0)
            rounds += 1
        self._round(look_for_stalled=False)

    def _round(self, *, look_for_stalled: bool) -> None:
        # An error of the store meets the run as well, which deals with it.
        try:
            if look_for_stalled:
                self.store.note_stalled()
            self.deliver()
        except Exception as error:
            _log.warning("webhook: %s", error)

    def deliver(self) -> None:
        """Send what is due, until one message is not taken everywhere."""
        while self._receivers and (message := self.store.lease_message()):
            waiting = [each for each in self._receivers if each.key not in message.taken]
            errors = _send_to_all(waiting, message.content)

            taken = [*message.taken, *(each.key for each in waiting if each.name not in errors)]
            self.store.acknowledge_message(message, errors, taken)
            for receiver in waiting:
                if (error := errors.get(receiver.name)) is None:
                    _log.info("run %s: %s was informed", message.run_id, receiver.name)
                else:
                    text = "run %s: %s was not informed: %s"
                    _log.warning(text, message.run_id, receiver.name, error)
            if errors:
                return


def _send_to_all(receivers: Sequence[_Receiver], content: Mapping[str, Any]) -> dict[str, str]:
    """Send a message to all at once, as its lease is short; the errors, by who has not taken it."""
    if not receivers:
        return {}
    with ThreadPoolExecutor(len(receivers), "messages") as pool:
        outcomes = pool.map(lambda receiver: receiver.send(receiver.url, content), receivers)
        pairs = zip(receivers, outcomes, strict=True)
        return {receiver.name: error for receiver, error in pairs if error is not None}
