"""Run as a script: eight processes submit and claim on one SQLite file, and are killed -9 while they write.

`python -m tests.integration.kill_writers URL KILLS SEED` prints as JSON what they were told before they died.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
from dataclasses import dataclass

from sqlalchemy.orm import configure_mappers

from shared.db import Database, open_database
from shared.errors import Conflict
from shared.jobs import store, transitions
from tests.factories import claim_job, submit_job

WRITERS = 8


@dataclass
class Writer:
    """A child, and how many lines it may say before it is killed."""

    pid: int
    pipe: int
    lines_left: int
    heard: bytes = b""


def main(url: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    configure_mappers()  # once here instead of once a fork
    writers = {writer.pipe: writer for writer in (start(url, chance) for _ in range(WRITERS))}
    told: list[list[str]] = []
    killed = 0
    while writers:
        for pipe in select.select(list(writers), [], [])[0]:
            writer = writers[pipe]
            chunk = os.read(pipe, 65_536)
            writer.heard += chunk
            if chunk and writer.heard.count(b"\n") < writer.lines_left:
                continue
            told += end(writer)
            killed += bool(chunk)
            del writers[pipe]
            if killed + len(writers) < kills:
                fresh = start(url, chance)
                writers[fresh.pipe] = fresh
    sys.stdout.write(json.dumps({"killed": killed, "told": told}))


def start(url: str, chance: random.Random) -> Writer:
    lines, seed = chance.randrange(1, 9), chance.random()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        work(url, write, random.Random(seed))
        os._exit(0)
    os.close(write)
    return Writer(pid, read, lines)


def end(writer: Writer) -> list[list[str]]:
    """Kill it, and take every whole line it said."""
    os.kill(writer.pid, signal.SIGKILL)
    os.waitpid(writer.pid, 0)
    while chunk := os.read(writer.pipe, 65_536):
        writer.heard += chunk
    os.close(writer.pipe)
    return [line.decode().split(" ", 2) for line in writer.heard.split(b"\n")[:-1]]


def work(url: str, pipe: int, chance: random.Random) -> None:
    """Write until killed. What a commit did is said after it; any error of the database is said too."""
    name = f"writer-{os.getpid()}"
    try:
        database = open_database(url)
        while True:
            for line in turn(database, name, chance):
                os.write(pipe, f"{line}\n".encode())
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".replace("\n", " ")
        os.write(pipe, f"error {name} {text}\n".encode())
        os._exit(1)


def turn(database: Database, name: str, chance: random.Random) -> list[str]:
    if chance.random() < 0.5:
        return [f"submitted {name} {submit_job(database).id}"]
    try:
        job = claim_job(database, name)
    except Conflict:
        return []
    if job is None:
        return []
    said = [f"claimed {name} {job.id}"]
    if chance.random() < 0.5:
        with database.write() as session:
            now = database.now(session)
            store.apply(session, job.id, transitions.succeed(1, now), now)
        said.append(f"finished {name} {job.id}")
    return said


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
