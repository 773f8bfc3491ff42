"""Which GPUs a worker offers, named as CUDA_VISIBLE_DEVICES names them. Asks the driver's tool, not torch."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

VISIBLE = "CUDA_VISIBLE_DEVICES"

LIST_SECONDS = 20.0
"""A driver that was not loaded yet takes seconds to answer."""

log = logging.getLogger(__name__)


def offered_gpus(
    environ: Mapping[str, str],
    wanted: int | None,
    list_them: Callable[[], Sequence[str]],
    hold: Callable[[str], bool],
) -> tuple[str, ...]:
    """The first `wanted` of what the environment names, else of those here that no other worker offers.

    Whoever names them has divided them among workers. Raises ValueError where there are fewer.
    """
    if wanted == 0:
        return ()
    named = environ.get(VISIBLE)
    if named is None:
        return _held(list_them(), wanted, hold)
    devices = tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))
    _refuse_more(wanted, len(devices))
    return devices[:wanted]


def _held(uuids: Sequence[str], wanted: int | None, hold: Callable[[str], bool]) -> tuple[str, ...]:
    """Their places in the list, the free ones held from now on."""
    _refuse_more(wanted, len(uuids))
    free = (str(place) for place, uuid in enumerate(uuids) if hold(uuid))
    held = tuple(islice(free, wanted))
    fewest = wanted or min(1, len(uuids))
    if len(held) < fewest:
        raise ValueError(
            f"other workers here offer all but {len(held)} of the {len(uuids)} GPUs and this one is to offer "
            f"{wanted or 'what is left'}; divide them with EPOCHD_GPUS, which is 0 for a worker without GPUs"
        )
    return held


def _refuse_more(wanted: int | None, seen: int) -> None:
    if wanted is not None and wanted > seen:
        raise ValueError(f"{wanted} GPUs are to be offered and {seen} can be seen; set fewer")


def list_gpus() -> tuple[str, ...]:
    """UUIDs of the GPUs, in the order of nvidia-smi; none where it is not installed.

    Raises ValueError where it is and finds none: a broken driver is no machine without GPUs.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    code, told = _ask([tool, "-L"])
    found = re.findall(r"^GPU \d+: .*\(UUID: (\S+)\)", told, re.MULTILINE)
    if code != 0 or not found:
        why = " ".join(told.split())[:200].rstrip(".") or f"it ended with {code}"
        raise ValueError(
            f"nvidia-smi -L lists no GPUs to rely on: {why}; see to the driver, or set EPOCHD_GPUS to 0 for "
            "a worker without GPUs"
        )
    return tuple(found)


def list_gpus_if_any() -> tuple[str, ...]:
    """For embedded mode, which starts on a laptop with a broken driver as well, and says so."""
    try:
        return list_gpus()
    except ValueError as error:
        log.warning("no GPU is offered: %s", error)
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
