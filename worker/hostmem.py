"""Host memory as the kernel tells it: a process, the machine, swapping, pressure, cgroup v1 and v2. No torch.

The root of /proc and /sys is an argument, so that recorded trees can be read in tests. What a kernel does not
offer (pressure, a memory cgroup) is None, never zero.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
UNLIMITED = 1 << 60
"""cgroup v1 says no limit by a number near 2**63."""


@dataclass(frozen=True)
class ProcessMemory:
    """One process, in bytes."""

    rss_bytes: int
    rss_peak_bytes: int
    swap_bytes: int


@dataclass(frozen=True)
class MachineMemory:
    """The whole machine, in bytes."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int


@dataclass(frozen=True)
class PagingCounters:
    """Counters of the machine since boot."""

    swapped_in_bytes: int
    swapped_out_bytes: int
    major_faults: int
    oom_kills: int
    faults: int = 0
    refaults: int = 0
    """Anonymous pages that had been swapped out and were touched again."""


@dataclass(frozen=True)
class Faults:
    """Of one process since its start."""

    minor: int
    major: int
    """Those that had to wait for a disk."""


@dataclass(frozen=True)
class Stalls:
    """Seconds since boot, or since the cgroup was made, that were lost to memory."""

    some: float
    full: float


@dataclass(frozen=True)
class Pressure:
    """Pressure stall information: the share of the last ten seconds lost to memory, in percent."""

    some_percent: float
    """At least one task waited."""
    full_percent: float
    """Every task waited."""


@dataclass(frozen=True)
class CgroupMemory:
    """The memory cgroup a process is in."""

    usage_bytes: int
    limit_bytes: int | None
    oom_kills: int
    swap_bytes: int | None = None
    limit_hits: int = 0
    """How often usage stood at the limit: `memory.failcnt` of v1, `max` of v2's `memory.events`."""


def read_process(pid: int | str = "self", root: Path = Path("/")) -> ProcessMemory:
    """Resident, peak resident and swapped bytes. Raises OSError where the process is gone."""
    status = _numbers(root / "proc" / str(pid) / "status", ":")
    kib = {name: status.get(name, 0) * 1024 for name in ("VmRSS", "VmHWM", "VmSwap")}
    return ProcessMemory(kib["VmRSS"], kib["VmHWM"], kib["VmSwap"])


def forget_peak(root: Path = Path("/")) -> bool:
    """Begin a new `rss_peak_bytes` of this process at what is resident now; false where no kernel offers it.

    Source: proc(5), /proc/PID/clear_refs, value 5.
    """
    try:
        (root / "proc" / "self" / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def read_machine(root: Path = Path("/")) -> MachineMemory:
    """What the machine has and what it could still give."""
    info = _numbers(root / "proc" / "meminfo", ":")
    used = info["SwapTotal"] - info["SwapFree"]
    return MachineMemory(
        info["MemTotal"] * 1024, info["MemAvailable"] * 1024, info["SwapTotal"] * 1024, used * 1024
    )


def read_paging(root: Path = Path("/")) -> PagingCounters:
    """Swapping, major faults and OOM kills since boot."""
    # Two hundred lines of two words each, of which six matter, once a second: no line is looked at alone.
    words = (root / "proc" / "vmstat").read_text(encoding="ascii").split()
    stat = dict(zip(words[::2], words[1::2], strict=True))
    return PagingCounters(
        int(stat.get("pswpin", 0)) * PAGE_BYTES,
        int(stat.get("pswpout", 0)) * PAGE_BYTES,
        int(stat.get("pgmajfault", 0)),
        int(stat.get("oom_kill", 0)),
        int(stat.get("pgfault", 0)),
        int(stat.get("workingset_refault_anon", 0)),
    )


def read_faults(pid: int | str = "self", root: Path = Path("/")) -> Faults:
    """Page faults of one process. Raises OSError where it is gone."""
    text = (root / "proc" / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    # A process may call itself anything, brackets and blanks too: fields are counted from the last bracket.
    fields = text[text.rindex(")") + 2 :].split()
    return Faults(int(fields[7]), int(fields[9]))


def read_pss(pid: int | str = "self", root: Path = Path("/")) -> int | None:
    """Resident bytes, shared pages divided among those who share them; None where nobody counts.

    The kernel walks every page for it: dear for a large process.
    """
    try:
        return _numbers(root / "proc" / str(pid) / "smaps_rollup", ":")["Pss"] * 1024
    except (OSError, KeyError):
        return None


def read_stalls(pid: int | str = "self", root: Path = Path("/")) -> Stalls | None:
    """Of the cgroup where it counts them (v2), else of the machine; None where nobody does."""
    folder = _cgroup(pid, root)
    own = [] if folder is None else [folder / "memory.pressure"]
    for path in (*own, root / "proc" / "pressure" / "memory"):
        try:
            lines = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        except OSError:
            continue
        total = {words[0]: int(words[-1].removeprefix("total=")) / 1e6 for words in lines}
        return Stalls(total["some"], total.get("full", 0.0))
    return None


def read_pressure(root: Path = Path("/")) -> Pressure | None:
    """Memory pressure of the machine; None where the kernel does not measure it."""
    try:
        text = (root / "proc" / "pressure" / "memory").read_text(encoding="ascii")
    except OSError:
        return None
    averages = {
        words[0]: float(words[1].removeprefix("avg10=")) for words in map(str.split, text.splitlines())
    }
    return Pressure(averages["some"], averages.get("full", 0.0))


def read_cgroup(pid: int | str = "self", root: Path = Path("/")) -> CgroupMemory | None:
    """The memory cgroup of a process, v2 or v1; None where there is none to read."""
    folder = _cgroup(pid, root)
    if folder is None:
        return None
    return _read_v1(folder) if (folder / _V1_USAGE).exists() else _read_v2(folder)


def read_reclaimable(pid: int | str = "self", root: Path = Path("/")) -> int:
    """Bytes of file cache in the memory cgroup of a process: counted as used, given up when asked for."""
    folder = _cgroup(pid, root)
    if folder is None:
        return 0
    prefix = "total_" if (folder / _V1_USAGE).exists() else ""
    stat = _numbers(folder / "memory.stat", " ")
    return sum(stat.get(f"{prefix}{state}_file", 0) for state in ("active", "inactive"))


def oom_counter(pid: int | str = "self", root: Path = Path("/")) -> Path:
    """The file that counts OOM kills: of the cgroup of a process, or of the machine where it is in none.

    Raises OSError where the process is gone.
    """
    folder = _cgroup(pid, root)
    if folder is None:
        return root / "proc" / "vmstat"
    return folder / ("memory.oom_control" if (folder / _V1_USAGE).exists() else "memory.events")


def read_oom_kills(counter: Path) -> int:
    """What an `oom_counter` says now."""
    return _numbers(counter, " ").get("oom_kill", 0)


_V1_USAGE, _V2_USAGE = "memory.usage_in_bytes", "memory.current"


def _cgroup(pid: int | str, root: Path) -> Path | None:
    """The folder of a process's memory cgroup. On a hybrid machine v1 holds memory."""
    memberships = (root / "proc" / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _existing(root / "sys/fs/cgroup/memory", path, _V1_USAGE)
    for line in memberships:
        if line.startswith("0::"):
            return _existing(root / "sys/fs/cgroup", line[3:], _V2_USAGE)
    return None


def _read_v2(folder: Path) -> CgroupMemory:
    limit = (folder / "memory.max").read_text(encoding="ascii").strip()
    events = _numbers(folder / "memory.events", " ")
    usage = int((folder / "memory.current").read_text(encoding="ascii"))
    return CgroupMemory(
        usage,
        None if limit == "max" else int(limit),
        events.get("oom_kill", 0),
        _number(folder / "memory.swap.current"),
        events.get("max", 0),
    )


def _read_v1(folder: Path) -> CgroupMemory:
    limit = int((folder / "memory.limit_in_bytes").read_text(encoding="ascii"))
    control = _numbers(folder / "memory.oom_control", " ")
    usage = int((folder / "memory.usage_in_bytes").read_text(encoding="ascii"))
    both = _number(folder / "memory.memsw.usage_in_bytes")
    return CgroupMemory(
        usage,
        None if limit >= UNLIMITED else limit,
        control.get("oom_kill", 0),
        None if both is None else max(0, both - usage),
        _number(folder / "memory.failcnt") or 0,
    )


def _number(path: Path) -> int | None:
    """The one number in a file; None where the kernel has no such file."""
    return int(path.read_text(encoding="ascii")) if path.exists() else None


def _existing(mount: Path, path: str, probe: str) -> Path | None:
    """The cgroup's folder; inside a container the path is the host's, and the mount itself is ours."""
    for folder in (mount / path.lstrip("/"), mount):
        if (folder / probe).exists():
            return folder
    return None


def _numbers(path: Path, separator: str) -> dict[str, int]:
    """The `name<separator>number [unit]` lines of a kernel file; lines without a number are left out."""
    numbers = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, rest = line.partition(separator)
        first = rest.split(maxsplit=1)[:1]
        if first and first[0].isdigit():
            numbers[name] = int(first[0])
    return numbers
