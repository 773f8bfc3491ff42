"""The images of other makers: here already, pulled, or stood in for where no registry can be reached."""

from __future__ import annotations

from dataclasses import dataclass

from tests.containers.engine import BUILD_SECONDS, STAND_INS, docker, fetch_image, has_image

LABEL = "epochd.stand-in"


@dataclass(frozen=True)
class Servers:
    """What the stack runs beside our own images."""

    published: tuple[str, ...]
    stood_in: tuple[str, ...]
    missing: tuple[str, ...]
    """Neither to be had nor to be stood in for."""


def gather(wanted: dict[str, str]) -> Servers:
    """Make sure of the image of every service in `wanted`, service -> image."""
    published, stood_in, missing = [], [], []
    for service, image in wanted.items():
        if (has_image(image) and not is_stand_in(image)) or fetch_image(image):
            published.append(service)
        elif stand_in(service, image):
            stood_in.append(service)
        else:
            missing.append(service)
    return Servers(tuple(published), tuple(stood_in), tuple(missing))


def stand_in(service: str, image: str) -> bool:
    """Make an image of that name from packages; false where there is no recipe."""
    folder = STAND_INS / service
    if not folder.is_dir():
        return False
    if not has_image(image):
        docker(
            "build", "--quiet", "--label", f"{LABEL}=true", "--tag", image, str(folder), seconds=BUILD_SECONDS
        )
    return True


def is_stand_in(image: str) -> bool:
    """Whether it is one that an earlier run made."""
    template = f'{{{{index .Config.Labels "{LABEL}"}}}}'
    return docker("image", "inspect", "--format", template, image).strip() == "true"
