"""The local doorbell: heard at once, from folders of any depth, and silent about the dead."""

from __future__ import annotations

from pathlib import Path

from shared.bell import BellListener, ring


def test_a_ring_is_heard_also_from_a_folder_whose_path_no_socket_may_have(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 40) / "bells"
    listener = BellListener(folder)
    assert listener.wait(0) is False
    assert ring(folder) == 1
    assert ring(folder) == 1
    assert listener.wait(10) is True
    assert listener.wait(0) is False
    listener.close()
    assert ring(folder) == 0


def test_the_socket_of_a_dead_worker_is_removed_by_the_next_ring(tmp_path: Path) -> None:
    listener = BellListener(tmp_path)
    listener._socket.close()
    assert list(tmp_path.iterdir())
    assert ring(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
