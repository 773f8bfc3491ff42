"""The launcher beside a Python that is a script of ours: what it says and does when things are missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = (
    "awk",
    "cat",
    "cksum",
    "cut",
    "df",
    "dirname",
    "mv",
    "rm",
    "sed",
    "sh",
    "sleep",
    "tail",
    "mkdir",
    "chmod",
    "cp",
)

PYTHON = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
    *version_info*) exit "${TOO_OLD:-0}" ;;
    *--version*) echo "Python 3.9.1" ;;
    *ensurepip*) exit "${NO_VENV:-0}" ;;
    "-m pip --version") [ -f "$(dirname "$0")/pip" ] ;;
    "-m venv --clear "*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; : >"$4/bin/pip"
        printf '#!/bin/sh\\necho epochd "$@"\\n' >"$4/bin/epochd"; chmod +x "$4/bin/epochd" ;;
    *"pip install"*) echo "Collecting torch"; [ -z "${HANG:-}" ] || { echo x >"$HANG"; exec sleep 600; }
        [ -z "${NO_NETWORK:-}" ] || { echo "ERROR: No matching distribution found"; exit 1; } ;;
esac
"""


@dataclass(frozen=True)
class Clone:
    """A copy of the files that the launcher looks at, on a machine with nothing but the tools above."""

    path: Path
    tools: Path
    calls: Path

    def environ(self, **more: str) -> dict[str, str]:
        return {"PATH": str(self.tools), "CALLS": str(self.calls), **more}

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path / "run"), *words],
            env=self.environ(**more),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def installs(self) -> list[str]:
        if not self.calls.exists():
            return []
        return [line for line in self.calls.read_text().splitlines() if "pip install" in line]

    def tool(self, name: str, script: str) -> None:
        (self.tools / name).unlink(missing_ok=True)
        (self.tools / name).write_text(script)
        (self.tools / name).chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    path, tools = tmp_path / "a clone", tmp_path / "bin"
    path.mkdir()
    tools.mkdir()
    for name in ("run", "pyproject.toml", "constraints.txt", "data-packages.txt"):
        shutil.copy(ROOT / name, path / name)
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None, f"this machine has no {name}"
        (tools / name).symlink_to(found)
    made = Clone(path, tools, tmp_path / "calls")
    made.tool("python3", PYTHON)
    return made


def test_the_first_start_installs_and_the_second_does_not_call_pip(clone: Clone) -> None:
    first = clone.run("list", "--json")
    assert (first.returncode, first.stdout) == (0, "epochd list --json\n"), first.stderr
    assert len(clone.installs()) == 2
    second = clone.run("list")
    assert (second.returncode, second.stderr) == (0, "")
    assert len(clone.installs()) == 2


def test_a_machine_without_a_driver_gets_the_cpu_build(clone: Clone) -> None:
    clone.run("list")
    assert clone.installs()[0].endswith(f"-e {clone.path}[train] -c {clone.path}/constraints.txt")


def test_a_machine_with_a_driver_installs_without_the_constraint(clone: Clone) -> None:
    clone.tool("nvidia-smi", "#!/bin/sh\n")
    clone.run("list")
    assert clone.installs()[0].endswith(f"-e {clone.path}[train]")


def test_a_changed_dependency_installs_again(clone: Clone) -> None:
    clone.run("list")
    with (clone.path / "constraints.txt").open("a") as constraints:
        constraints.write("numpy<3\n")
    clone.run("list")
    assert len(clone.installs()) == 4


def test_what_the_tests_installed_is_enough_for_the_service(clone: Clone) -> None:
    clone.run("check")
    assert "[train,test]" in clone.installs()[0]
    clone.run("list")
    assert len(clone.installs()) == 2


def test_no_python_is_one_sentence(clone: Clone) -> None:
    (clone.tools / "python3").unlink()
    told = clone.run("demo")
    assert told.returncode == 1
    sentence = "needs Python 3.11 or newer and none is installed; install python3 and run this again."
    assert told.stderr == f"epochd: {sentence}\n"


def test_an_old_python_is_told_with_its_version(clone: Clone) -> None:
    told = clone.run("demo", TOO_OLD="1")
    assert told.returncode == 1
    assert "needs Python 3.11 or newer and python3 here is Python 3.9.1" in told.stderr
    assert not (clone.path / ".venv").exists()


def test_a_python_without_venv_is_told_with_what_to_install(clone: Clone) -> None:
    told = clone.run("demo", NO_VENV="1")
    assert told.returncode == 1
    assert (
        "lacks the venv module; on Debian or Ubuntu install it with: apt install python3-venv" in told.stderr
    )


def test_a_full_disk_is_told_before_anything_is_made(clone: Clone) -> None:
    clone.tool(
        "df", "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available'\necho 'disk 9 9 102400 99% /'\n"
    )
    told = clone.run("demo")
    assert told.returncode == 1
    assert "needs 4 GB of free disk" in told.stderr and "has 100 MB" in told.stderr
    assert not (clone.path / ".venv").exists()


def test_no_network_shows_pips_last_lines_and_one_sentence_and_the_next_start_tries_again(
    clone: Clone,
) -> None:
    told = clone.run("list", NO_NETWORK="1")
    assert told.returncode == 1
    assert "ERROR: No matching distribution found" in told.stderr
    assert "check the network, a proxy or the disk and run this again" in told.stderr
    assert clone.run("list").returncode == 0


def test_an_interrupted_install_ends_pip_and_leaves_no_stamp(clone: Clone, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    with subprocess.Popen(
        [str(clone.path / "run"), "list"],
        env=clone.environ(HANG=str(begun)),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        begun.read_text()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Interrupted; the next start begins the install again." in told
    assert not list((clone.path / ".venv").glob("stamp*"))
    assert clone.run("list").returncode == 0
