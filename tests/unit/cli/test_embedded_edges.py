"""The edges of embedded mode against the real system: ports, locks, processes, signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.embedded.child import ProcessChild, spawn
from cli.embedded.ground import StateDirectory, usable_port
from cli.embedded.program import Ground, Program, embedded_programs
from cli.embedded.readiness import is_ready
from cli.embedded.stopping import STOPPING, StopRequests
from cli.errors import WrongUsage


def test_a_port_in_use_is_refused_with_a_sentence_that_names_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WrongUsage, match=f"port {port} on 127.0.0.1 is in use"):
            usable_port("127.0.0.1", port)


def test_port_zero_becomes_a_port_that_can_be_told() -> None:
    assert usable_port("127.0.0.1", 0) > 0


def test_an_address_that_is_not_ours_is_refused_with_a_sentence() -> None:
    with pytest.raises(WrongUsage, match=r"cannot listen on 192\.0\.2\.1"):
        usable_port("192.0.2.1", 0)


def test_two_launchers_cannot_hold_one_state_directory(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path / "state")
    with pytest.raises(WrongUsage, match=rf"another `epochd up` \(pid {os.getpid()}\) runs on"):
        StateDirectory(tmp_path / "state")
    first.release()
    StateDirectory(tmp_path / "state").release()


def test_a_state_directory_beneath_a_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongUsage, match="cannot be written"):
        StateDirectory(tmp_path / "file" / "state")


def program(tmp_path: Path, code: str) -> Program:
    return Program("test", (sys.executable, "-c", code), dict(os.environ), tmp_path / "log" / "test.log")


def test_a_child_leads_its_own_group_so_that_ctrl_c_reaches_the_launcher_alone(tmp_path: Path) -> None:
    child = spawn(program(tmp_path, "import os; print(os.getpgid(0) == os.getpid())"))
    assert wait_for_end(child) == 0
    assert (tmp_path / "log" / "test.log").read_text() == "True\n"


def test_killing_a_child_ends_what_it_started(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    inner = f"import os, time; os.write({writes}, b'x'); time.sleep(600)"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], pass_fds=[{writes}])"
    process = subprocess.Popen([sys.executable, "-c", nested], pass_fds=[writes], process_group=0)
    os.close(writes)
    assert os.read(reads, 1) == b"x"
    ProcessChild(process).kill()
    assert os.read(reads, 1) == b""  # every holder of the pipe is gone
    os.close(reads)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tie to the parent is a Linux call")
def test_a_child_ends_when_its_launcher_is_killed_outright(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    launcher = f"""
import os, sys, time
from pathlib import Path
from cli.embedded import child
from cli.embedded.program import Program
real = child.subprocess.Popen
child.subprocess.Popen = lambda *a, **k: real(*a, **k, pass_fds=[{writes}])
code = 'import os, time; os.write({writes}, b"x"); time.sleep(600)'
child.spawn(Program('test', (sys.executable, '-c', code), dict(os.environ), Path({str(tmp_path)!r}) / 'log'))
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", launcher], pass_fds=[writes])
    os.close(writes)
    assert os.read(reads, 1) == b"x"
    process.kill()
    process.wait()
    assert os.read(reads, 1) == b""
    os.close(reads)


def test_a_signal_is_counted_and_cuts_the_wait_short() -> None:
    before = {number: signal.getsignal(number) for number in (*STOPPING, signal.SIGCHLD)}
    requests = StopRequests()
    try:
        requests.listen()
        os.kill(os.getpid(), signal.SIGTERM)
        requests.wait(600)
        assert requests.count == 1
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        requests.close()


def test_a_service_that_does_not_answer_is_not_ready() -> None:
    assert not is_ready(f"http://127.0.0.1:{usable_port('127.0.0.1', 0)}")


def test_the_programs_are_told_of_host_port_and_state_through_their_environment(tmp_path: Path) -> None:
    ground = Ground("127.0.0.1", 8642, tmp_path, 3)
    api, worker = embedded_programs(ground, {"PATH": "/bin", "EPOCHD_PORT": "1"})
    assert api.environment["EPOCHD_PORT"] == "8642"
    assert worker.environment["EPOCHD_SLOTS"] == "3"
    assert worker.environment["PATH"] == "/bin"
    assert api.command[-3:] == ("-m", "api", "--controller")
    assert worker.log == tmp_path / "log" / "worker.log"
    undecided = embedded_programs(Ground("127.0.0.1", 8642, tmp_path, None), {})
    assert "EPOCHD_SLOTS" not in undecided[1].environment


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1"), ("::", "http://[::1]:1")],
)
def test_the_address_told_to_a_user_can_be_opened(host: str, url: str, tmp_path: Path) -> None:
    assert Ground(host, 1, tmp_path, 1).url == url


def wait_for_end(child: ProcessChild) -> int:
    return child._process.wait(timeout=60)
