"""Deterministic simulation: the real store, claims, supervision, ingest and controllers in simulated worlds.

One process, one thread. Everything that waits in production waits in a greenlet here, so a seeded scheduler
decides what happens next, and one seed gives one history to the last line. The code under test is the code
that ships; only its edges are simulated: clocks, trainers, bell and broker, the disk's lock, a database
that fails. Half of the worlds are embedded, half are the stack with its dispatchers and doorbell messages.

    python -m tests.simulation --seeds 0:10000      many worlds; prints what broke and the seed that broke it
    python -m tests.simulation --seeds 17:18 --trace    the whole history of one world
    python -m tests.simulation --days 7             one job of seven days; brokers restart, clocks are set

Each seed first draws which faults its world knows (so that rare ones also meet alone), then lets them happen
for up to two minutes of simulated time: transactions refused, or committed without an answer; outages;
workers that die, drain, stop and go on, or are suspended; trainers that crash, hang, ignore SIGTERM or
outlive their supervisor; warm parents that die; bells lost, doubled and late; a broker that is emptied or
down, workers deaf to it; controllers that die; wall clocks a day off, the database's own clock an hour off;
users who submit, cancel, resume and delete. Then the faults stop and every job must end.

checks.py and watch.py name the invariants; mutations.py and stack_mutations.py break one rule at a time and
show that they notice.
"""
