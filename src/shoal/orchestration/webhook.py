"""Tells a webhook what became of runs, beside the work: it never delays a run, and never fails one.

What is to be told stands in the store (`Store.take_notice`), so it is told although its supervisor has died, and by one of
many. The address may hold a secret: it is written down nowhere, and no message names it.
"""

from __future__ import annotations

import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from shoal.errors import SettingsError
from shoal.store import Store

VARIABLE = "SHOAL_WEBHOOK"
POLL_SECONDS = 2.0
STALLED_POLL_ROUNDS = 15  # the runs are looked at every so many polls
ANSWER_SECONDS = 10.0  # that the other side gets
FAREWELL_SECONDS = 8.0  # for what is still to be told when the process ends; it is given ten to end
_log = logging.getLogger("shoal.orchestration.supervisor")


def check_webhook(url: str) -> str:
    """Raises `SettingsError`, which does not name it, for an address that cannot be posted to."""
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
        good = good and parts.port != 0 and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good:
        raise SettingsError(
            "The webhook's address cannot be used (it is not shown, as it may hold a secret).",
            expected="http://HOST/PATH or https://HOST/PATH, without spaces, user or password",
            remedy=f"correct --webhook, or the environment's {VARIABLE}",
        )
    return url


def post(url: str, content: Mapping[str, Any]) -> str | None:
    """Send it as JSON; None when it was taken (any answer from 200 to 299), else what is wrong, without the address.

    Redirects are not followed: nothing but the address that was given is ever asked.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    body = json.dumps(content).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "shoal"}
    try:
        request = urllib.request.Request(url, body, headers, method="POST")
        with opener.open(request, timeout=ANSWER_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except urllib.error.URLError as error:
        reason = error.reason
        return (reason.strerror if isinstance(reason, OSError) else None) or type(reason).__name__
    except Exception as error:  # a library's message may hold the address
        return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


class WebhookSender:
    """A thread of a supervisor: notes runs that stall, and tells ``url`` (None: nobody) what is due."""

    def __init__(
        self,
        store: Store,
        url: str | None,
        send: Callable[[str, Mapping[str, Any]], str | None] = post,
    ) -> None:
        self.store, self.url, self.send = store, url, send
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="messenger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Tell what is due once more, if that is quick; what is left stays in the store."""
        self._end.set()
        self._thread.join(FAREWELL_SECONDS)

    def _loop(self) -> None:
        rounds = 0
        while not self._end.wait(POLL_SECONDS):
            self._round(self.store.note_stalled if rounds % STALLED_POLL_ROUNDS == 0 else None)
            rounds += 1
        self._round(None)

    def _round(self, first: Callable[[], Any] | None) -> None:
        try:
            if first is not None:
                first()
            self.deliver()
        except Exception as error:  # of the store: it meets the run as well, which deals with it
            _log.warning("messenger: %s", error)

    def deliver(self) -> None:
        """Send what is due, until one is not taken."""
        while self.url and (notice := self.store.lease_message()):
            error = self.send(self.url, notice.content)
            self.store.acknowledge_message(notice, error)
            if error is not None:
                _log.warning("run %s: the webhook was not told: %s", notice.run_id, error)
                return
