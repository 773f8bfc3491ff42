"""The training core: loop, state, checkpoints, sampling. No database, no broker, no HTTP."""
