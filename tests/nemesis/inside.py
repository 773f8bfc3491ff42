"""What is put into every Python process of a world when it starts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.nemesis.cast import SERVICES


def offer(folder: Path) -> None:
    """Have every Python process with `folder` on its path call `install` when it starts."""
    (folder / "sitecustomize.py").write_text(
        "import os\nfrom tests.nemesis import inside\ninside.install(os.environ)\n"
    )


def install(environ: Mapping[str, str]) -> None:
    """Traps in all; witnesses, noise and what is known to be bad where they belong."""
    from tests.nemesis import late_ack, noise, sabotage, traps, witness

    is_service = sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2] in SERVICES
    traps.install(environ)
    sabotage.install(environ, is_service=is_service)
    late_ack.install(environ, is_service=is_service)
    if is_service:
        noise.install(environ)
        witness.install(environ)
