"""What supervisors need beside their runs: their own leases, and messages for the webhook.

`Store` takes these methods over. Their SQL stands in `leases` and `outbox`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, update

from shoal.store import leases, measures, outbox
from shoal.store.connection import Database
from shoal.store.measures import Measures
from shoal.store.outbox import OutboxMessage
from shoal.store.records import Owner, SupervisorView, process_of
from shoal.store.tables import now, supervisor

_log = logging.getLogger(__name__)


class Supervision:
    """The methods of a `Store` for supervisors; each is one transaction."""

    _database: Database

    # --- supervisors --------------------------------------------------------------------------

    def reserve_supervisor(
        self, owner: Owner, scope: int | None = None, *, on_host: bool = False
    ) -> bool:
        """Register who is about to start a supervisor, unless there is one that serves ``scope``.

        Parameters
        ----------
        owner
            Who is about to start it.
        scope
            The one run that it would serve; None: all of them.
        on_host
            Whether supervisors of other hosts do not count.

        Returns
        -------
        bool
            Whether ``owner`` was registered. Of many who ask at once, one is.
        """
        return self._database.write(lambda c: leases.reserve(c, owner, scope, on_host))

    def register_supervisor(
        self, owner: Owner, scope: int | None = None, instead_of: Owner | None = None
    ) -> None:
        """Register a supervisor, and forget the dead ones.

        Parameters
        ----------
        owner
            The supervisor.
        scope
            The one run that it serves; None: all of them.
        instead_of
            A reservation to forget: that of the process which has started it.
        """
        self._database.write(lambda c: leases.register(c, owner, scope, instead_of))

    def supervisor_heartbeat(self, owner: Owner) -> bool:
        """Renew a supervisor's lease.

        Returns
        -------
        bool
            False when it was taken for dead and forgotten: it has to register again.
        """
        renewed = update(supervisor).where(supervisor.c.owner == str(owner)).values(heartbeat=now())
        is_known = self._database.write(lambda c: c.execute(renewed).rowcount == 1)
        if not is_known:
            _log.info("the supervisor %s is not registered", process_of(str(owner)))
        return is_known

    def remove_supervisor(self, owner: Owner) -> None:
        """Forget a supervisor that ends.

        Runs are not touched here: the supervisor lets go of its own before.
        """
        removed = delete(supervisor).where(supervisor.c.owner == str(owner))
        self._database.write(lambda c: c.execute(removed))
        _log.info("the supervisor %s has ended", process_of(str(owner)))

    def supervisors(self) -> list[SupervisorView]:
        """The live supervisors, oldest first."""
        return self._database.read(leases.supervisors)

    # --- how it goes ---------------------------------------------------------------------------

    def measure(self, failures_after: int | None = None) -> Measures:
        """Count what a monitoring system watches; see `Measures`.

        Parameters
        ----------
        failures_after
            The id of an evaluation: failed ones are counted from the next on. None: none is
            counted, so that a large store is not read from its beginning.
        """
        return self._database.read(lambda c: measures.measure(c, failures_after))

    # --- messages for the webhook -------------------------------------------------------------

    def note_stalled(self) -> list[int]:
        """Note, once, each run that recorded nothing for long, though it is or ought to be running.

        Long is more than ten minutes, and more than 30 times the median of its last trainings.

        Returns
        -------
        list of int
            The runs that were noted now.
        """
        if not self._database.read(outbox.stalled_runs):
            return []
        return self._database.write(outbox.note_stalled)

    def lease_message(self) -> OutboxMessage | None:
        """Take the next message to send.

        The caller has a minute to send it, and says what has become of it (`acknowledge_message`).
        """
        if not self._database.read(outbox.is_due):
            return None
        return self._database.write(outbox.lease_next)

    def acknowledge_message(
        self,
        message: OutboxMessage,
        errors: Mapping[str, str] | None = None,
        taken: Sequence[str] = (),
    ) -> None:
        """Note what has become of a leased message.

        Parameters
        ----------
        message
            What `lease_message` gave.
        errors
            Why it could not be sent, by who should have got it; None or empty: it was sent.
            Otherwise it is due again later, for a day.
        taken
            The keys of receivers that have it; they do not get it again.
        """
        by_receiver = errors or {}
        self._database.write(lambda c: outbox.acknowledge(c, message, by_receiver, taken))
