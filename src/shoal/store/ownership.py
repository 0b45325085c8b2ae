"""What an owner does with its run: claim it, record results, and let go of it.

`Store` takes these methods over. Their SQL stands in `leases` and `live_status`.
"""

from __future__ import annotations

from collections.abc import Sequence

from shoal.problems.evaluation import Evaluation, GenerationSummary
from shoal.store import leases, live_status
from shoal.store.connection import Database
from shoal.store.live_status import PollFlags, RunningTraining
from shoal.store.records import Claim, Command, FinalState, Owner
from shoal.store.serialization import evaluation_row, generation_row


class RunOwnership:
    """The methods of a `Store` for the owner of a run; each is one transaction."""

    _database: Database

    def claim(self, owner: Owner, run_id: int | None = None) -> Claim | None:
        """Claim the oldest run that is queued or interrupted.

        Parameters
        ----------
        owner
            Who claims it.
        run_id
            Only this run; None: any run.

        Returns
        -------
        Claim or None
            None when there is no run to claim.
        """
        return self._database.write(lambda c: leases.claim_run(c, owner, run_id))

    def heartbeat(
        self, claim: Claim, seconds: float, trainings: Sequence[RunningTraining] | None = None
    ) -> tuple[Command, ...]:
        """Renew the lease, and learn which commands wait.

        Parameters
        ----------
        claim
            The owner's claim.
        seconds
            The run's active training time so far, in seconds.
        trainings
            What `note_live` would note; None: leave the last note as it is.

        Returns
        -------
        tuple of Command
            The commands that wait to be obeyed, oldest first.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.bound_log()
        return self._database.write(lambda c: leases.heartbeat(c, claim, seconds, trainings))

    def poll_flags(self, run_id: int) -> PollFlags:
        """Whether commands wait to be obeyed, and whether somebody watches.

        It is cheap, and may be asked often.
        """
        return self._database.read(lambda c: live_status.poll_flags(c, run_id))

    def note_live(self, claim: Claim, trainings: Sequence[RunningTraining]) -> None:
        """Note what trains now, in the place of the last such note.

        A note is no part of what is recorded.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(lambda c: leases.note_live(c, claim, trainings))

    def record(
        self,
        claim: Claim,
        evaluations: Sequence[Evaluation],
        generations: Sequence[GenerationSummary],
        seconds: float,
        trainings: Sequence[RunningTraining] | None = None,
    ) -> None:
        """Append results and completed generations, and renew the lease.

        Parameters
        ----------
        claim
            The owner's claim.
        evaluations, generations
            What to record. What is recorded already is ignored.
        seconds
            The run's active training time so far, in seconds.
        trainings
            What `note_live` would note; None: leave the last note as it is.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        # Each genome is made a dictionary once: most have several repeats.
        genomes = {each.task.genome: each.task.genome.to_dict() for each in evaluations}
        rows = [
            evaluation_row(claim.run_id, each, genomes[each.task.genome]) for each in evaluations
        ]
        summaries = [generation_row(claim.run_id, each, seconds) for each in generations]
        self._database.write(lambda c: leases.record(c, claim, rows, summaries, seconds, trainings))

    def finish(
        self,
        claim: Claim,
        state: FinalState,
        *,
        seconds: float,
        error: str | None = None,
        result_hash: str | None = None,
        evaluations: int | None = None,
        applied: Sequence[Command] = (),
        best: tuple[float, int] | None = None,
    ) -> bool:
        """Let go of a run in its new state.

        Parameters
        ----------
        claim
            The owner's claim.
        state
            "finished", "stopped", "paused", "failed" or "queued".
        seconds
            The run's active training time, in seconds.
        error
            Why it failed, or paused by itself.
        result_hash
            SHA-256 of all that a finished run has found.
        evaluations
            How many evaluations the store had when they were compared with the hash. With another
            number now, nothing is written. None: nothing was compared.
        applied
            The commands that led to the state. When a resume has overtaken all of them, the run is
            queued again instead.
        best
            The mean score of the genome that a finished run recommends, and the repeats that it is
            the mean of. It is the run's best score from then on. None: that of the last generation.

        Returns
        -------
        bool
            Whether it was written.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        return self._database.write(
            lambda c: leases.finish(
                c, claim, state, seconds, error, result_hash, evaluations, applied, best
            )
        )

    def release(self, claim: Claim, seconds: float) -> None:
        """Let go of a run as it stands: anybody may claim it at once.

        Parameters
        ----------
        claim
            The owner's claim.
        seconds
            The run's active training time, in seconds.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(lambda c: leases.release(c, claim, seconds))

    def save_artifact(self, claim: Claim, kind: str, content: bytes) -> None:
        """Keep bytes under the name ``kind``, in place of those that were kept there before.

        Raises
        ------
        NotOwnerError
            If the claim is no longer current.
        """
        self._database.write(lambda c: leases.save_artifact(c, claim, kind, content))
