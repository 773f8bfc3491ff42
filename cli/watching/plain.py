"""A watched job as lines for a pipe or a log: a change of status or stage, an epoch, an event each."""

from __future__ import annotations

from cli.watching.picture import Picture, epoch_line, status_line


class PlainLines:
    """Says each thing once; an epoch that a resumed attempt repeats was said already."""

    def __init__(self) -> None:
        self._status = ""
        self._epoch = 0
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
        fresh = sorted(epoch for epoch in picture.val if epoch > self._epoch)
        self._epoch = max([self._epoch, *fresh])
        return [epoch_line(picture, epoch) for epoch in fresh]

    def _new_status(self, picture: Picture) -> list[str]:
        if not picture.job:
            return []
        said, self._status = self._status, status_line(picture.job)
        if self._status == said:
            return []
        why = picture.job.get("message") if picture.job["status"] == "failed" else None
        return [self._status, why] if why else [self._status]
