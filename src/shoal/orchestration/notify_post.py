"""A process that sends one message for people by Apprise, and ends.

`shoal.orchestration.messengers` starts it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.orchestration.message_process import send_requested
from shoal.system.child import Parent

_WORDS = {
    "finished": "has finished",
    "failed": "has failed",
    "stalled": "has recorded nothing for long",
}


def main(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry: send what the parent requests, and answer with what is wrong.

    Parameters
    ----------
    parent
        Requests ``url``, ``content`` and ``seconds``, the limit of the whole exchange.
    arguments
        None.
    """
    send_requested(parent, _send)


def _send(url: str, content: Mapping[str, Any], seconds: float) -> str | None:
    """Send a message. Returns what is wrong, without the address; None: it was taken."""
    # Apprise's own messages may hold the address.
    logging.disable()
    try:
        from apprise import Apprise, AppriseAsset, NotifyType, PersistentStoreMode
    except ImportError:
        return "the package apprise is missing"

    kinds = {"finished": NotifyType.SUCCESS, "failed": NotifyType.FAILURE}
    kind = kinds.get(content["event"], NotifyType.WARNING)
    # Nothing of it is kept on the disk.
    asset = AppriseAsset(app_id="Shoal", storage_mode=PersistentStoreMode.MEMORY)
    messenger = Apprise(asset=asset)
    try:
        is_taken = messenger.add(url) and messenger.notify(
            body=body(content), title=title(content), notify_type=kind
        )
    except Exception as error:
        return type(error).__name__
    return None if is_taken else "it was not taken"


def title(content: Mapping[str, Any]) -> str:
    """What a message is about, in one line."""
    return f"Shoal: {content['name']} {_WORDS[content['event']]}"


def body(content: Mapping[str, Any]) -> str:
    """A message, for people. The facts are those of the webhook's JSON object."""
    lines = [f"Run {content['run']}, {content['name']}, {_WORDS[content['event']]}."]

    score = content["best_score"]
    if score is not None:
        metric = content["metric"]
        lines.append(f"Best {metric['label']}: {score:.6g} {metric['unit']}".rstrip() + ".")
    if content["error"]:
        lines.append(f"Why: {content['error']}")
    if content["host"]:
        lines.append(f"Host: {content['host']}")
    return "\n".join(lines)
