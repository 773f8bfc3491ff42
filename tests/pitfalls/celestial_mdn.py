"""Pitfalls of the mixture forecaster; those of data, graph and loop it shares with celestial are its too."""

from __future__ import annotations

from tests.pitfalls import celestial
from tests.pitfalls.table import Table

MODEL = "workloads/test_mdn_model.py"
MIXTURE = "workloads/test_mdn_mixture.py"
LOSS = "workloads/test_mdn_loss.py"
TRAINING = "workloads/test_mdn_training.py"
GUARDS = "workloads/test_mdn_guards.py"
SPEC = "unit/specs/test_celestial_mdn.py"

EVALUATION = "workloads/test_mdn_evaluation.py"

SHARED = ("P31", "P34", "P35", "P36", "P38", "P39", "P40", "P47", "P48")
"""Of data, sky and loop, whose code is celestial's too."""

PITFALLS: Table = {
    "P1 decoder flags that two checks read differently": [
        (SPEC, "test_p1_two_decoder_styles_are_refused_by_their_names"),
        (SPEC, "test_p1_one_decoder_style_alone_is_enough_for_the_hybrid_loss"),
        (SPEC, "test_p1_a_loss_of_a_mixture_without_a_decoder_names_the_flags"),
        (LOSS, "test_p1_every_decoder_alone_fits_every_loss_of_a_mixture"),
        (MODEL, "test_p1_a_model_with_two_decoders_is_not_built"),
    ],
    "P2 a number of components that no setting changes": [
        (MODEL, "test_p2_components_are_those_of_the_configuration"),
        (MIXTURE, "test_p2_the_head_has_as_many_components_as_asked"),
    ],
    "P3 deviations of three axes taken for four": [
        (MIXTURE, "test_p3_log_density_is_that_of_torch_in_every_layout"),
        (MIXTURE, "test_p3_joint_density_of_targets_that_share_weights_is_that_of_torch"),
        (MIXTURE, "test_p3_draws_have_the_distribution_in_every_layout"),
    ],
    "P4 results that depend on the batch size": [
        (MODEL, "test_p4_shapes_hold_for_every_batch_decoder_and_layout"),
        (MODEL, "test_p4_p33_a_sample_alone_gets_what_it_gets_among_others"),
        (LOSS, "test_p4_the_loss_of_a_batch_is_the_mean_of_its_samples"),
        (EVALUATION, "test_p4_every_figure_is_the_same_for_batches_of_any_size"),
        (GUARDS, "test_p4_a_mixture_that_looks_at_the_whole_batch_is_seen"),
    ],
    "P6 a training that takes many times its parameters, and swaps at batch 2": [
        ("unit/training/test_planner.py", "test_batch_1_is_found_where_batch_2_swaps_even_if_it_were_faster"),
        ("unit/training/test_estimate.py", "test_the_parts_add_up_and_what_does_not_fit_names_the_field"),
        ("unit/training/test_telling.py", "test_swap_traffic_is_told_per_second"),
        (MODEL, "test_recomputing_activations_changes_no_gradient_even_with_dropout_and_keeps_less"),
    ],
    "P7 prints left in from debugging": [
        (LOSS, "test_p7_a_step_prints_nothing"),
    ],
    "P9 a width that bodies and heads do not divide": [
        (SPEC, "test_p9_a_width_that_bodies_and_heads_do_not_divide_is_widened_and_told"),
    ],
    "P30 parts of a mixture taken in another order": [
        (MIXTURE, "test_p30_parts_in_another_order_score_worse_than_a_perfect_forecast"),
        (MIXTURE, "test_p30_gradient_reaches_every_part"),
        (LOSS, "test_p30_a_perfect_answer_has_a_lower_loss_than_any_other_tried"),
        (GUARDS, "test_p30_a_loss_that_takes_deviations_for_means_is_seen"),
    ],
    "P32 a regulariser turned into a number, without gradient": [
        (LOSS, "test_p32_gates_are_regularised_by_a_tensor_whose_weight_changes_the_gradient"),
    ],
    "P33 attention that mixes the samples of a batch": [
        (MODEL, "test_p4_p33_a_sample_alone_gets_what_it_gets_among_others"),
    ],
    "P37 one sample's graph used for the whole batch": [
        (MODEL, "test_p4_p33_a_sample_alone_gets_what_it_gets_among_others"),
    ],
    "P41 a calendar that does not act": [
        (MODEL, "test_p41_two_dates_are_two_forecasts"),
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
    "P45 more known days than the encoder sees": [
        (SPEC, "test_p45_what_does_not_fit_is_one_sentence"),
    ],
    "P46 first values of the head overwritten": [
        (MODEL, "test_p46_the_first_deviations_are_those_of_the_head_and_not_of_the_general_initialisation"),
        (MIXTURE, "test_p46_a_fresh_head_is_near_zero_with_deviations_of_e_to_the_minus_two"),
    ],
    "P49 weights that do not add up to one": [
        (MIXTURE, "test_p49_weights_add_up_to_one_whatever_constant_they_carry"),
    ],
    **{pitfall: tests for pitfall, tests in celestial.PITFALLS.items() if pitfall.split()[0] in SHARED},
}
