"""SQLite opens on local disks only, and says why not elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.filesystems import file_system, refuse_foreign_folder

MOUNTS = r"""overlay / overlay rw 0 0
/dev/vdb /data ext4 rw 0 0
server:/export /data/shared nfs4 rw 0 0
tmpfs /data/shared/local tmpfs rw 0 0
me@host: /home/me/my\040files fuse.sshfs rw 0 0
share /old ext4 rw 0 0
share /old virtiofs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "overlay"),
        ("/datalake", "overlay"),
        ("/data/x", "ext4"),
        ("/data/shared/x/y", "nfs4"),
        ("/data/shared/local/x", "tmpfs"),
        ("/home/me/my files/x", "fuse.sshfs"),
        ("/old", "virtiofs"),
    ],
)
def test_the_nearest_and_newest_mount_decides(folder: str, kind: str) -> None:
    assert file_system(Path(folder), MOUNTS) == kind


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse", "fuse.sshfs", "9p", "virtiofs", "vboxsf"]
)
def test_a_database_on_a_network_or_virtual_file_system_is_refused_in_one_sentence(
    kind: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"cannot keep a database on {kind}, and .* choose a folder") as told:
        refuse_foreign_folder(tmp_path, lambda: f"share / {kind} rw 0 0\n")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs"])
def test_a_local_file_system_is_accepted(kind: str, tmp_path: Path) -> None:
    refuse_foreign_folder(tmp_path, lambda: f"disk / {kind} rw 0 0\n")


def test_a_system_without_a_list_of_mounts_is_trusted(tmp_path: Path) -> None:
    refuse_foreign_folder(tmp_path, lambda: "")
