"""A watched job as lines for a pipe or a log: a change of status or stage, an epoch, an event each."""

from __future__ import annotations

from cli.watching.follow import FINAL
from cli.watching.picture import Picture, epoch_line, status_line


class PlainLines:
    """Says each thing once; an epoch that a newer attempt trains again is said again."""

    def __init__(self) -> None:
        self._status = ""
        self._epochs: dict[int, int] = {}
        """Epochs that were said -> the attempt they were of."""
        self._seen: dict[int, int] = {}
        """Those that were new in the look before."""
        self._told = 0
        self._trouble: str | None = None

    def new(self, picture: Picture) -> list[str]:
        """The lines that tell what is new since the last call."""
        fresh, self._told = picture.told[self._told :], len(picture.told)
        return [
            *self._new_trouble(picture),
            *self._new_epochs(picture),
            *fresh,
            *self._new_status(picture),
        ]

    def _new_trouble(self, picture: Picture) -> list[str]:
        said, self._trouble = self._trouble, picture.trouble
        return [picture.trouble] if picture.trouble and picture.trouble != said else []

    def _new_epochs(self, picture: Picture) -> list[str]:
        if picture.trouble:
            return []
        attempts = {epoch: origin.attempt for epoch, origin in picture.epochs.told.items()}
        fresh = {epoch: attempt for epoch, attempt in attempts.items() if self._epochs.get(epoch) != attempt}
        whole = {
            epoch: attempt for epoch, attempt in fresh.items() if self._is_whole(picture, epoch, attempt)
        }
        self._seen, self._epochs = fresh, {**self._epochs, **whole}
        return [epoch_line(picture, epoch) for epoch in sorted(whole)]

    def _is_whole(self, picture: Picture, epoch: int, attempt: int) -> bool:
        """Without a validation it waits a look for one that may be about to come: some jobs have none."""
        waited = self._seen.get(epoch) == attempt
        return epoch in picture.epochs.val or waited or picture.job["status"] in FINAL

    def _new_status(self, picture: Picture) -> list[str]:
        if not picture.job:
            return []
        said, self._status = self._status, status_line(picture.job)
        if self._status == said:
            return []
        why = picture.job.get("message") if picture.job["status"] == "failed" else None
        return [self._status, why] if why else [self._status]
