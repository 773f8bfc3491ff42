"""The Dockerfiles: pinned, without root, without secrets, for the plainest builder there is."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest

from tests.unit.stack.files import DOCKERFILES, ROOT, instructions, last_stage, read

USER = "10001:10001"


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_base_is_one_tag_or_digest(dockerfile: str) -> None:
    told = instructions(dockerfile)
    assert told[0] == ("ARG", "PYTHON_IMAGE=python:3.11-slim-bookworm")
    bases = [argument.split()[0] for word, argument in told if word == "FROM"]
    assert bases == ["${PYTHON_IMAGE}"] * 2


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_every_install_is_pinned(dockerfile: str) -> None:
    installs = [
        part
        for word, argument in instructions(dockerfile)
        if word == "RUN"
        for part in re.split(r"&&|;;|\|\||; }", argument)
        if re.search(r"\b(pip|apt|apt-get)\b.* install\b", part)
    ]
    assert len(installs) >= 3
    # What Debian has for the base image, which is pinned itself.
    of_debian = [part.split() for part in installs if "apt-get" in part]
    assert all(words[-1] in ("g++", "python3-dev") and words[-2].startswith("--") for words in of_debian)
    loose = [part for part in installs if not re.search(r"-c constraints\.txt|--no-deps|==|apt-get", part)]
    assert not loose


def test_a_worker_has_the_compiler_of_torch_compile() -> None:
    run = " ".join(argument for word, argument in last_stage("Dockerfile.gpu") if word == "RUN")
    assert re.search(
        r"apt-get install --yes --no-install-recommends g\+\+ .*&& rm -rf /var/lib/apt/lists", run
    )
    assert re.search(r'test -e "\$\(.*\)/Python\.h" +\|\| apt-get install .* python3-dev', run)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_packages_of_the_data_and_of_torch_are_exact(dockerfile: str) -> None:
    if "TORCH_VERSION" in read(dockerfile):
        assert re.search(r"^ARG TORCH_VERSION=\d+\.\d+\.\d+$", read(dockerfile), re.MULTILINE)
    lines = [line for line in read("data-packages.txt").splitlines() if line and not line.startswith("#")]
    assert lines and all("==" in line for line in lines)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_image_runs_as_one_user_who_is_not_root(dockerfile: str) -> None:
    told = last_stage(dockerfile)
    assert [argument for word, argument in told if word == "USER"] == [USER]
    after = [word for word, _ in told[[word for word, _ in told].index("USER") :]]
    assert "RUN" not in after and "COPY" not in after
    made = " ".join(argument for word, argument in told if word == "RUN")
    assert "--uid 10001 --gid 10001" in made
    assert "install -d -o 10001 -g 10001 /var/lib/epochd /var/lib/epochd/runs" in made


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_its_health_check_and_its_command_are_modules_that_exist(dockerfile: str) -> None:
    told = dict(last_stage(dockerfile))
    for text in (told["CMD"], told["HEALTHCHECK"].partition("CMD ")[2]):
        python, flag, module, *_ = json.loads(text)
        assert (python, flag) == ("python", "-m")
        assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_no_secret_and_no_address_gets_into_a_layer(dockerfile: str) -> None:
    words = {word for word, _ in instructions(dockerfile)}
    assert "ADD" not in words
    for word, argument in instructions(dockerfile):
        assert not (word in ("ARG", "ENV") and re.search(r"PASSWORD|TOKEN|SECRET|_URL=", argument)), argument
        assert "://" not in argument


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_a_classic_builder_can_build_it(dockerfile: str) -> None:
    assert "# syntax=" not in read(dockerfile)
    assert "--mount" not in read(dockerfile) and "<<" not in read(dockerfile)


def test_only_what_is_named_gets_into_the_context() -> None:
    lines = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    let_in = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert all((ROOT / name).exists() for name in let_in)
    copied = {
        name
        for dockerfile in DOCKERFILES
        for word, argument in instructions(dockerfile)
        if word == "COPY" and "--from" not in argument
        for name in argument.split()[:-1]
    }
    assert copied <= {*let_in, "."}
    assert not {".env", ".git", ".venv", "docker-compose.yml", "tests"} & set(let_in)
