"""Pitfalls of the multi-horizon stock forecaster."""

from __future__ import annotations

from tests.pitfalls.table import Table

MODEL = "workloads/test_equities_model.py"
OBJECTIVE = "workloads/test_equities_objective.py"
SCORES = "workloads/test_equities_scores.py"
DATA = "workloads/test_equities_data.py"
GUARDS = "workloads/test_equities_guards.py"
TRAINING = "workloads/test_equities_training.py"

PITFALLS: Table = {
    "P4 results that depend on the batch size": [
        (MODEL, "test_p4_shapes_hold_for_any_number_of_days"),
        (MODEL, "test_p4_p74_a_day_alone_gets_what_it_gets_among_others"),
        (OBJECTIVE, "test_p4_the_loss_of_three_days_is_the_mean_of_theirs_whatever_is_known"),
        (SCORES, "test_the_meter_gives_the_same_metrics_for_any_batch_size_and_any_division"),
    ],
    "P20 an output dict taken for the predictions, so that the loss is zero": [
        (
            OBJECTIVE,
            "test_p20_the_contract_and_the_bare_predictions_give_the_same_loss_above_zero_with_gradients",
        ),
        (OBJECTIVE, "test_p20_outputs_of_features_alone_are_refused"),
        (GUARDS, "test_p20_a_forward_that_drops_the_predictions_is_seen"),
        (TRAINING, "test_the_loss_falls_and_the_order_of_stocks_is_found"),
    ],
    "P21 memory that is not given back before training": [
        (
            "unit/training/test_let_go.py",
            "test_p21_on_a_gpu_cycles_are_collected_before_the_cache_is_emptied",
        ),
        ("unit/training/test_let_go.py", "test_p21_on_a_cpu_no_cache_is_emptied"),
        ("unit/training/test_let_go.py", "test_p21_training_begins_without_what_guards_left_on_a_gpu"),
        ("unit/training/test_let_go.py", "test_p21_it_is_let_go_after_the_guards_and_before_the_first_step"),
    ],
    "P22 no matching horizon gives a loss of zero": [
        (OBJECTIVE, "test_p22_horizons_that_do_not_match_raise_and_list_both_sides"),
        (GUARDS, "test_p22_horizons_the_model_forecasts_and_nobody_asks_for_are_seen"),
    ],
    "P23 predictions that are not finite": [
        ("unit/training/test_nonfinite.py", "test_spoiled_steps_are_left_out_told_and_counted"),
        ("unit/training/test_nonfinite.py", "test_one_more_than_allowed_ends_the_job_and_says_so"),
    ],
    "P24 memory that runs out loses a step": [
        (
            "e2e/test_memory_stories.py",
            "test_a_batch_that_does_not_fit_the_limit_is_cut_and_the_job_succeeds",
        ),
    ],
    "P42 parameters made after the optimizer": [
        (MODEL, "test_p42_forward_makes_no_parameter"),
    ],
    "P43 layers whose failures are swallowed": [
        (MODEL, "test_p43_an_error_in_any_part_reaches_the_caller"),
    ],
    "P44 parameters without a gradient": [
        (MODEL, "test_p44_every_parameter_has_a_gradient_after_two_steps"),
    ],
    "P69 the highest quantile taken for the forecast": [
        (OBJECTIVE, "test_p69_the_point_is_the_median_and_never_the_last_quantile"),
    ],
    "P70 adaptive normalisation that is zero on the last day": [
        (MODEL, "test_p70_slices_cover_every_day_and_overlap"),
        (MODEL, "test_p70_the_last_day_is_other_than_zero_and_pulls_at_its_inputs"),
        (MODEL, "test_p70_rolling_windows_see_no_later_day"),
    ],
    "P71 rank and Sharpe terms without a gradient": [
        (OBJECTIVE, "test_p71_every_term_has_a_gradient_that_depends_on_its_weight"),
    ],
    "P72 a Sharpe ratio of errors, and forecasts with the sign turned": [
        (SCORES, "test_p72_a_perfect_forecast_has_the_best_of_everything_and_its_opposite_the_worst"),
    ],
    "P73 heads that do not fit, and parts rebuilt while running": [
        (MODEL, "test_p73_any_heads_and_width_fit_without_a_part_rebuilt"),
    ],
    "P74 validation that uses the statistics of its batch": [
        (MODEL, "test_p4_p74_a_day_alone_gets_what_it_gets_among_others"),
        (GUARDS, "test_p74_normalisation_over_the_days_of_a_batch_is_seen"),
    ],
    "P75 quantiles that cross": [
        (MODEL, "test_p75_quantiles_never_cross"),
    ],
    "P76 no data, and loss terms beside the total": [
        (DATA, "test_too_few_days_are_refused_with_the_numbers"),
        (TRAINING, "test_validation_tells_every_term_raw_and_weighted_and_every_measure"),
    ],
}
