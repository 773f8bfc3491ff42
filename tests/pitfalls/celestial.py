"""Pitfalls of the celestial forecaster, and of the training loop it brought."""

from __future__ import annotations

from tests.pitfalls.table import Table

MODEL = "workloads/test_celestial_model.py"
GRAPH = "workloads/test_celestial_graph.py"
LAYERS = "workloads/test_celestial_layers.py"
DATA = "workloads/test_celestial_data.py"
EVALUATION = "workloads/test_celestial_evaluation.py"
STEP = "unit/training/test_step.py"
MAIN = "unit/training/test_main.py"

PITFALLS: Table = {
    "P4 results that depend on the batch size": [
        (MODEL, "test_p4_p33_a_sample_alone_gets_what_it_gets_among_others"),
        (EVALUATION, "test_the_meter_gives_the_same_metrics_for_any_batch_size"),
    ],
    "P8 a combiner that needs 64 GB": [
        (GRAPH, "test_p8_batched_combiner_equals_one_call_for_every_time"),
        (MODEL, "test_p8_p10_kept_activations_grow_linearly_with_the_sequence"),
    ],
    "P10 a sequence of 250 days that does not fit": [
        (MODEL, "test_p8_p10_kept_activations_grow_linearly_with_the_sequence"),
    ],
    "P9 a width that bodies and heads do not divide": [
        (MODEL, "test_p9_width_that_bodies_and_heads_do_not_divide_is_refused_by_name"),
        ("unit/specs/test_resolve.py", "test_d_model_130_becomes_208_and_says_why_p9"),
    ],
    "P12 a resume that forgets state": [
        ("integration/test_exact_resume.py", "test_every_kind_of_state_survives_several_deaths"),
        (
            "e2e/test_killed_and_resumed.py",
            "test_kills_of_the_trainer_and_of_the_worker_change_nothing",
        ),
    ],
    "P13 a corrupt checkpoint believed": [
        ("integration/test_checkpoint_crash.py", "*"),
    ],
    "P31 a failed step covered by a fake loss": [
        (STEP, "test_a_failure_in_the_loss_fails_the_step_instead_of_faking_a_loss"),
    ],
    "P32 a loss turned into a number, without gradient": [
        (STEP, "test_a_loss_made_of_numbers_teaches_nothing_and_is_refused"),
    ],
    "P33 attention that mixes the samples of a batch": [
        (MODEL, "test_p33_no_gradient_crosses_from_one_sample_to_another"),
    ],
    "P34 phase differences that are always zero": [
        (GRAPH, "test_p34_phase_difference_is_the_difference_of_the_angles"),
        (GRAPH, "test_p34_missing_column_is_named"),
    ],
    "P35 bodies compared by the wrong spelling": [
        (GRAPH, "test_p35_strength_belongs_to_the_seven_bodies_that_have_it"),
    ],
    "P36 columns found by a fixed offset": [
        (GRAPH, "test_p36_columns_are_found_by_name_when_the_file_orders_them_otherwise"),
    ],
    "P37 one sample's graph used for the whole batch": [
        (GRAPH, "test_p37_adjacency_is_symmetric_and_each_samples_own"),
        (LAYERS, "test_p37_graph_attention_uses_the_adjacency_of_each_sample_and_step"),
    ],
    "P38 validation and test left unscaled": [
        (DATA, "test_every_split_is_scaled_by_the_scalers_of_the_train_rows"),
    ],
    "P39 metrics between two spaces": [
        (DATA, "test_scaled_values_come_back_in_original_units"),
        (EVALUATION, "test_a_perfect_forecast_has_no_error_in_any_unit"),
    ],
    "P40 the learning rate set after the epoch": [
        (MAIN, "test_the_first_step_runs_at_the_warm_up_rate"),
    ],
    "P41 a calendar that does not act": [
        (MODEL, "test_p41_two_dates_are_two_forecasts"),
        (LAYERS, "test_p41_marks_scaled_to_fractions_are_refused"),
        (DATA, "test_marks_are_the_calendar_of_real_dates"),
    ],
    "P42 parameters made after the optimizer": [
        (MODEL, "test_p42_forward_makes_no_parameter"),
    ],
    "P43 layers whose failures are swallowed": [
        (MODEL, "test_p43_an_error_in_any_component_reaches_the_caller"),
    ],
    "P44 parameters without a gradient": [
        (MODEL, "test_p44_every_parameter_has_a_gradient_after_two_steps"),
    ],
    "P45 more known days than the encoder sees": [
        ("unit/specs/test_resolve.py", "test_a_bad_field_is_named"),
        (DATA, "test_label_len_zero_and_label_len_seq_len_are_both_cut_right"),
    ],
    "P46 special initial values overwritten": [
        (MODEL, "test_p46_general_initialisation_leaves_special_values_alone"),
    ],
    "P47 a resume that is only documented": [
        ("integration/test_exact_resume.py", "test_thirty_kills_at_random_messages_leave_no_trace"),
    ],
    "P48 gradients that leak between steps or lose the remainder": [
        (STEP, "test_micro_batches_with_a_remainder_equal_one_big_batch"),
        (STEP, "test_gradients_of_the_step_before_do_not_leak_in"),
    ],
}
