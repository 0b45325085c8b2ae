"""A process for one message: how it is started and ended, and what it does with its request.

It is light to import. `shoal.orchestration.webhook_post` and `shoal.orchestration.notify_post` are
such processes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from shoal.system.child import Child, Entry, Parent, answer

# How long a whole exchange may take, from the look-up of the name to the answer.
ANSWER_SECONDS = 10.0
# How long the process that posts may take to get ready, on a machine that is busy.
START_SECONDS = 10.0


def send_by(entry: Entry, url: str, content: Mapping[str, Any], seconds: float) -> str | None:
    """Send a message in a process that is ended when the exchange takes longer than ``seconds``.

    Returns
    -------
    str or None
        None when it was taken, otherwise what is wrong, without the address.
    """
    child = Child(entry, {"url": url, "content": content, "seconds": seconds})
    try:
        if not child.has_ended(START_SECONDS + seconds):
            return "its process hangs"
        answers = child.new_answers()
    finally:
        child.close()

    if not answers:
        return "its process ended"
    return cast("str | None", answers[0]["error"])


def send_requested(
    parent: Parent, send: Callable[[str, Mapping[str, Any], float], str | None]
) -> None:
    """Send what the parent requests by ``send``, and answer with what is wrong."""
    request = parent.request()
    if request is None:
        return

    seconds = request["seconds"]
    # Nothing else ends a look-up of a name, or an answer that comes byte by byte.
    limit = threading.Timer(seconds, _give_up, (seconds,))
    limit.daemon = True
    limit.start()
    error = send(request["url"], request["content"], seconds)
    limit.cancel()
    answer(error=error)


def _give_up(seconds: float) -> None:
    answer(error=f"no answer within {seconds:g} s")
    os._exit(0)
