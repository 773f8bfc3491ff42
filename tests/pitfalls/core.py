"""Pitfalls of every original that the core itself keeps away, and those that have no place here."""

from __future__ import annotations

from tests.pitfalls.table import Table

TELLING = "unit/training/test_telling.py"
ESTIMATE = "unit/training/test_estimate.py"
ARCHITECTURE = "unit/test_architecture.py"

PITFALLS: Table = {
    "P5 a filter that hides warnings": [
        ("unit/training/test_trainlog.py", "test_p5_every_warning_and_error_reaches_the_log"),
    ],
    "P6 memory of training taken for that of the parameters, and a batch chosen by what fits": [
        (ESTIMATE, "test_the_parts_add_up_and_what_does_not_fit_names_the_field"),
        (TELLING, "test_swap_traffic_is_told_per_second"),
        ("unit/training/test_planner.py", "test_batch_1_is_found_where_batch_2_swaps_even_if_it_were_faster"),
    ],
    "P7 debug prints in what runs for a week": [
        (ARCHITECTURE, "test_p7_nothing_but_the_terminal_prints"),
    ],
    "P78 checkpoints that hold live objects": [
        ("unit/training/test_state.py", "test_a_live_object_is_refused_instead_of_pickled"),
        ("unit/training/test_checkpoint.py", "test_every_file_of_a_checkpoint_is_json_or_safetensors"),
    ],
}

NO_PLACE_HERE = {
    "P15": "loader workers on Windows: workers run on Linux only",
    "P77": "peak counters of a CUDA device: reset as an epoch begins, which no machine without one can show",
}
