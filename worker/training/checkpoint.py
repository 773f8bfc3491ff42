"""The checkpoint store: written whole or not at all, verified before it is believed (reliability 3.2)."""

from __future__ import annotations

import errno
import json
import logging
import secrets
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import CorruptCheckpoint
from worker.training.files import FileDigest, Files, finished, hash_file, write_file, writing_file
from worker.training.manifest import (
    ID_PATTERN,
    MANIFEST_NAME,
    Manifest,
    decode_manifest,
    encode_manifest,
    newest_first,
)
from worker.training.state import AppState, Snapshot, restore
from worker.training.tensors import read_safetensors, safetensors_chunks

STATE_NAME = "state.json"
TENSORS_SUFFIX = ".safetensors"
TMP_PREFIX = ".tmp-"
CORRUPT_SUFFIX = ".corrupt"
SPARE = 1.2
"""Free space wanted, as a multiple of what will be written."""
SPARE_BYTES = 1024 * 1024
LOST_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)
"""What the disk answers for a file that is gone or unreadable for good."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """A checkpoint that is on the disk."""

    manifest: Manifest
    bytes: int
    sha256: str
    """Of the manifest file, which holds the hash of every other."""

    @property
    def told(self) -> dict[str, Any]:
        """What a message says of it, whoever finds it."""
        manifest = self.manifest
        return {
            "id": manifest.id,
            "epoch": manifest.epoch,
            "step": manifest.step,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "exact": manifest.exact,
            "best": manifest.is_best,
        }


class CheckpointStore:
    """The checkpoints of one job. Its owner holds the run directory's lock."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files

    def sweep(self) -> None:
        """Remove what dead attempts left half written. Only the holder of the lock may call this."""
        for path in self._folder.glob(f"{TMP_PREFIX}*"):
            self._files.remove_tree(path)

    def ids(self) -> list[str]:
        """Every published checkpoint, the newest first."""
        names = [path.name for path in self._folder.iterdir()]
        return newest_first([name for name in names if ID_PATTERN.fullmatch(name)])

    def quarantined(self) -> list[str]:
        """Checkpoints that were set aside because they did not verify."""
        return sorted(path.name for path in self._folder.glob(f"*{CORRUPT_SUFFIX}"))

    def write(self, snapshot: Snapshot, describe: Callable[[dict[str, FileDigest]], Manifest]) -> Saved:
        """Publish a snapshot; `describe` makes its manifest from the digests of the files.

        tmp folder; every file written and synced; the manifest last; folder synced; renamed; parent synced.
        Raises OSError where the disk fails; after any error nothing is published, and what is left is
        swept later.
        """
        return finished(self.writing(snapshot, describe))

    def writing(
        self, snapshot: Snapshot, describe: Callable[[dict[str, FileDigest]], Manifest]
    ) -> Generator[None, None, Saved]:
        """The same in small steps, which one thread after another may take."""
        self._check_space(snapshot.bytes)
        folder = self._folder / f"{TMP_PREFIX}{secrets.token_hex(8)}"
        try:
            return (yield from self._publish(folder, snapshot, describe))
        except Exception:
            self._discard(folder)
            raise

    def manifest(self, name: str) -> Manifest:
        """The manifest of a checkpoint, verified against itself alone. Raises CorruptCheckpoint."""
        manifest = decode_manifest(_read(self._folder / name / MANIFEST_NAME))
        if manifest.id != name:
            raise CorruptCheckpoint(f"{name} holds the manifest of {manifest.id}")
        return manifest

    def verify(self, name: str) -> Manifest:
        """Read every byte and compare. Raises CorruptCheckpoint naming the first file that differs."""
        return verify_folder(self._folder / name, self.manifest(name))

    def saved(self, manifest: Manifest) -> Saved:
        """What its writer told of a published checkpoint."""
        sealed = hash_file(self._folder / manifest.id / MANIFEST_NAME)
        return Saved(manifest, manifest.bytes + sealed.bytes, sealed.sha256)

    def restore(self, name: str, state: AppState) -> list[str]:
        """Put back what a checkpoint holds that was verified just before; the newer components it lacks.

        Raises InvalidSpec.
        """
        folder = self._folder / name
        return restore(state, component_names(folder), lambda component: read_folder(folder, [component]))

    def quarantine(self, name: str) -> None:
        """Set a bad checkpoint aside, under a name that no restore looks at."""
        target = self._folder / (name + CORRUPT_SUFFIX)
        self._files.rename(self._folder / name, target)
        self._files.sync_folder(self._folder)

    def remove(self, name: str) -> None:
        """Delete a checkpoint; it stops being one before its first file goes. Raises OSError if it stays."""
        self._discard(self._withdraw(name))

    def _check_space(self, wanted: int) -> None:
        free = self._files.free_bytes(self._folder)
        need = int(wanted * SPARE) + SPARE_BYTES
        if free < need:
            raise OSError(errno.ENOSPC, f"a checkpoint needs {need:,} free bytes, the volume has {free:,}")

    def _publish(
        self, folder: Path, snapshot: Snapshot, describe: Callable[[dict[str, FileDigest]], Manifest]
    ) -> Generator[None, None, Saved]:
        self._files.make_folder(folder)
        snapshot.settled()
        digests = {}
        for name, chunks in _contents(snapshot):
            aligned = name.removesuffix(TENSORS_SUFFIX) in snapshot.copies
            digests[name] = yield from writing_file(self._files, folder / name, chunks, aligned=aligned)
        manifest = describe(digests)
        sealed = write_file(self._files, folder / MANIFEST_NAME, [memoryview(encode_manifest(manifest))])
        self._files.sync_folder(folder)
        self._files.rename(folder, self._folder / manifest.id)
        try:
            self._files.sync_folder(self._folder)
        except Exception:
            # Nobody can say what is durable now, and the same step may be saved again.
            self._discard(self._withdraw(manifest.id))
            raise
        return Saved(manifest, manifest.bytes + sealed.bytes, sealed.sha256)

    def _withdraw(self, name: str) -> Path:
        gone = self._folder / f"{TMP_PREFIX}gone-{name}"
        self._files.rename(self._folder / name, gone)
        return gone

    def _discard(self, folder: Path) -> None:
        if not folder.exists():
            return
        try:
            self._files.remove_tree(folder)
        except OSError as error:
            log.warning("could not remove %s, the next attempt will: %s", folder, error)


def verify_folder(folder: Path, manifest: Manifest) -> Manifest:
    """Compare every file of a checkpoint folder with its manifest. Raises CorruptCheckpoint."""
    for name, expected in manifest.files.items():
        found = _digest(folder / name)
        if found != expected:
            raise CorruptCheckpoint(f"{name} does not match the manifest of {folder.name}")
    return manifest


def component_names(folder: Path) -> list[str]:
    """The components in a verified checkpoint folder."""
    return list(_trees(folder))


def read_folder(folder: Path, only: Iterable[str] | None = None) -> Snapshot:
    """The snapshot in a verified checkpoint folder, or some components of it."""
    trees = _trees(folder)
    wanted = set(trees if only is None else only)
    tensors = {
        name: read_safetensors(path) if (path := folder / (name + TENSORS_SUFFIX)).exists() else {}
        for name in wanted
    }
    return Snapshot({name: trees[name] for name in wanted}, tensors)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of any checkpoint folder. Raises CorruptCheckpoint."""
    return decode_manifest(_read(folder / MANIFEST_NAME))


def _trees(folder: Path) -> dict[str, Any]:
    trees: dict[str, Any] = json.loads(_read(folder / STATE_NAME))
    return trees


def _contents(snapshot: Snapshot) -> Iterable[tuple[str, Iterable[memoryview]]]:
    for name, tensors in snapshot.tensors.items():
        if name in snapshot.copies:
            yield name + TENSORS_SUFFIX, [snapshot.copies[name]]
        elif tensors:
            yield name + TENSORS_SUFFIX, safetensors_chunks(tensors)
    text = json.dumps(snapshot.trees, allow_nan=False, separators=(",", ":"))
    yield STATE_NAME, [memoryview(text.encode())]


def _digest(path: Path) -> FileDigest:
    try:
        return hash_file(path)
    except OSError as error:
        raise _lost(path, error) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _lost(path, error) from error


def _lost(path: Path, error: OSError) -> Exception:
    """A file that is gone is corruption; no permission or no descriptors left is trouble of another kind."""
    if error.errno in LOST_ERRNOS:
        return CorruptCheckpoint(f"{path.name} of {path.parent.name} cannot be read: {error.strerror}")
    return error
