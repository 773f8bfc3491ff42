"""Deterministic simulation: the real store, claims, supervision, ingest and reaper in a simulated world.

One process, one thread. Everything that waits in production waits in a greenlet here, so a seeded scheduler
decides what happens next, and one seed gives one history to the last line. The code under test is the code
that ships; only its edges are simulated: clocks, trainers, the bell, the disk's lock, a database that fails.

    python -m tests.simulation --seeds 0:10000      many worlds; prints what broke and the seed that broke it
    python -m tests.simulation --seeds 17:18 --trace    the whole history of one world
    python -m tests.simulation --days 7             one job of seven days under a broker that restarts

Each seed first draws which faults its world knows (so that rare ones also meet alone), then lets them happen
for a few minutes of simulated time: transactions refused, or committed without an answer; outages; workers
that die, drain, stop and go on, or are suspended; trainers that crash, hang, ignore SIGTERM or outlive their
supervisor; warm parents that die; bells lost, doubled and late; wall clocks a day off, the database's own
clock an hour off; users who submit, cancel, resume and delete. Then the faults stop and every job must end.

checks.py names the invariants, mutations.py breaks one rule at a time and shows that they notice.
"""
