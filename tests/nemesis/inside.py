"""What is put into every Python process of a world when it starts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.nemesis.cast import SERVICES, STACK_SERVICES


def offer(folder: Path) -> None:
    """Have every Python process with `folder` on its path call `install` when it starts."""
    (folder / "sitecustomize.py").write_text(
        "import os\nfrom tests.nemesis import inside\ninside.install(os.environ)\n"
    )


def install(environ: Mapping[str, str]) -> None:
    """Traps everywhere; witnesses, noise and what is known to be bad where they belong."""
    from tests.nemesis import late_ack, noise, sabotage, witness

    sabotage.install(environ)
    service = sys.orig_argv[2] if sys.orig_argv[1:2] == ["-m"] else None
    late_ack.install(environ, is_service=service in SERVICES)
    if service in SERVICES:
        noise.install(environ)
    if service in STACK_SERVICES:
        witness.install(environ)
