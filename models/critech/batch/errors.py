"""How a run of a batch ends without an output. What was computed until then is kept."""

from __future__ import annotations

from pathlib import Path

from critech.errors import CritechError

GO_ON = "run the same command again to go on"


class BatchError(CritechError):
    """Base of the ends of a run that leave its work folder as it is."""


class StorageError(BatchError):
    """Something cannot be written or read back: a full disk, a lost permission."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}; when that is mended, {GO_ON}")
        self.path = path
        self.problem = problem


class LockedError(BatchError):
    """Another process works on the same output."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another run works on this output")


class ChangedRunError(BatchError):
    """The work folder belongs to a run with other settings or other input."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}; go back to what it was, give another --output, or begin anew with --restart"
        )


class LostQuarantineError(BatchError):
    """The list of rejected records is not what a finished run has written, and the input does not
    tell all of it; the output is in its place."""

    def __init__(self, quarantine: Path, what: str) -> None:
        super().__init__(
            f"{quarantine} {what} since the run was finished, and holds records that failed, which "
            "the input does not tell; put it back as it was, or begin anew with --restart"
        )
        self.quarantine = quarantine


class TooManyErrorsError(BatchError):
    """More records were rejected than the limit allows; ``quarantine`` lists them."""

    def __init__(self, rejected: int, limit: int, quarantine: Path) -> None:
        super().__init__(
            f"{rejected} records were rejected, more than --max-errors {limit}: see {quarantine}; "
            f"{GO_ON} with a higher limit, or mend the input and begin anew with --restart"
        )
        self.rejected = rejected
        self.limit = limit
        self.quarantine = quarantine


class WorkerError(BatchError):
    """A worker process is gone."""

    def __init__(self) -> None:
        super().__init__(f"a worker process ended by itself (out of memory?); {GO_ON}")


class EngineError(BatchError):
    """An engine gave a run up. Its own words may hold texts and stay in its logs."""

    def __init__(self, engine: str, error: Exception) -> None:
        kind = type(error).__name__
        super().__init__(f"the run on {engine} failed ({kind}): its log says why; {GO_ON}")
