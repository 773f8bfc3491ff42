"""Which GPUs a worker offers, named as CUDA_VISIBLE_DEVICES names them. Asks the driver's tool, not torch."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

VISIBLE = "CUDA_VISIBLE_DEVICES"

UUID = re.compile(r"(GPU|MIG)-[0-9A-Za-z-]+")

LIST_SECONDS = 20.0
"""A driver that was not loaded yet takes seconds to answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gpu:
    """One line of nvidia-smi's list."""

    uuid: str
    model: str


def offered_gpus(
    environ: Mapping[str, str],
    wanted: int | None,
    list_them: Callable[[], Sequence[Gpu]],
    hold: Callable[[str], bool],
) -> tuple[str, ...]:
    """The first `wanted` of what the environment names, else of those here, that no other worker offers.

    By their UUIDs: a number means another GPU to CUDA, which counts the fastest first, than to nvidia-smi.
    Raises ValueError where there are fewer.
    """
    if wanted == 0:
        return ()
    named = environ.get(VISIBLE)
    if named is None:
        return _held([gpu.uuid for gpu in list_them()], wanted, hold)
    names = [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    if not names:
        return _held((), wanted, hold)
    listed, by_place = _listed_or_none(list_them), environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    return _held([uuid_of(name, listed, by_place) for name in names], wanted, partial(_held_as_named, hold))


def uuid_of(name: str, listed: Sequence[Gpu], by_place: bool) -> str:
    """The UUID of what CUDA_VISIBLE_DEVICES names; the name itself where it cannot be told.

    A number is a place in the list where CUDA counts so, and where all are alike and none is the fastest.
    """
    if name.isdecimal():
        is_place = by_place or len({gpu.model for gpu in listed}) == 1
        return listed[int(name)].uuid if is_place and int(name) < len(listed) else name
    meant = [gpu.uuid for gpu in listed if gpu.uuid.startswith(name)]  # CUDA takes a beginning, too
    return meant[0] if len(meant) == 1 else name


def _held(names: Sequence[str], wanted: int | None, hold: Callable[[str], bool]) -> tuple[str, ...]:
    """The free ones, held from now on."""
    _refuse_more(wanted, len(names))
    held = tuple(islice((name for name in names if hold(name)), wanted))
    fewest = wanted or min(1, len(names))
    if len(held) < fewest:
        raise ValueError(
            f"other workers here offer all but {len(held)} of the {len(names)} GPUs and this one is to offer "
            f"{wanted or 'what is left'}; divide them with EPOCHD_GPUS, which is 0 for a worker without GPUs"
        )
    return held


def _held_as_named(hold: Callable[[str], bool], name: str) -> bool:
    """Whoever names GPUs has divided them: what no volume can lock is offered all the same."""
    if not UUID.fullmatch(name):
        return True
    try:
        return hold(name)
    except ValueError as error:
        log.warning("%s is offered without a lock, as %s names it: %s", name, VISIBLE, error)
        return True


def _listed_or_none(list_them: Callable[[], Sequence[Gpu]]) -> Sequence[Gpu]:
    """GPUs that are named are offered whatever nvidia-smi says."""
    try:
        return list_them()
    except ValueError as error:
        log.warning("GPUs are offered as %s names them: %s", VISIBLE, error)
        return ()


def _refuse_more(wanted: int | None, seen: int) -> None:
    if wanted is not None and wanted > seen:
        raise ValueError(f"{wanted} GPUs are to be offered and {seen} can be seen; set fewer")


def list_gpus() -> tuple[Gpu, ...]:
    """The GPUs, in the order of nvidia-smi; none where it is not installed.

    Raises ValueError where it is and finds none: a broken driver is no machine without GPUs.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    code, told = _ask([tool, "-L"])
    found = re.findall(r"^GPU \d+: (.*) \(UUID: (\S+)\)", told, re.MULTILINE)
    if code != 0 or not found:
        why = " ".join(told.split())[:200].rstrip(".") or f"it ended with {code}"
        raise ValueError(
            f"nvidia-smi -L lists no GPUs to rely on: {why}; see to the driver, or set EPOCHD_GPUS to 0 for "
            "a worker without GPUs"
        )
    return tuple(Gpu(uuid, model) for model, uuid in found)


def list_gpus_if_any() -> tuple[Gpu, ...]:
    """For embedded mode, which starts on a laptop with a broken driver as well, and says so."""
    try:
        return list_gpus()
    except ValueError as error:
        log.warning("no GPU is found: %s", error)
        return ()


def _ask(command: Sequence[str]) -> tuple[int, str]:
    """Exit code and everything that was said."""
    try:
        ended = subprocess.run(  # noqa: S603  a fixed command line
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {LIST_SECONDS:.0f} s"
    return ended.returncode, ended.stdout
