"""Pitfalls of the ECG classifier."""

from __future__ import annotations

from tests.pitfalls.table import Table

MODEL = "workloads/test_ecg_model.py"
DATA = "workloads/test_ecg_data.py"
LABELS = "workloads/test_ecg_labels.py"
PARTITION = "workloads/test_ecg_partition.py"
EVALUATION = "workloads/test_ecg_evaluation.py"
TRAINING = "workloads/test_ecg_training.py"
GUARDS = "workloads/test_ecg_guards.py"

PITFALLS: Table = {
    "P4 results that depend on the batch size": [
        (MODEL, "test_p4_there_is_one_row_a_sample_and_one_number_a_class"),
        (MODEL, "test_p4_a_sample_alone_gets_what_it_gets_among_others"),
        (EVALUATION, "test_p4_the_loss_and_the_meter_are_the_same_for_any_batch_size"),
    ],
    "P11 class weights of the first batches": [
        (LABELS, "test_p11_class_weights_come_from_every_train_label_in_any_order"),
        (GUARDS, "test_p11_weights_of_the_first_batches_are_seen"),
    ],
    "P12 a resume that forgets state": [
        ("integration/test_exact_resume.py", "test_every_kind_of_state_survives_several_deaths"),
    ],
    "P13 a corrupt checkpoint believed": [
        ("integration/test_checkpoint_crash.py", "*"),
    ],
    "P14 work that is done again, or over itself": [
        (DATA, "test_p14_preparing_again_reads_nothing_and_changes_nothing"),
        (DATA, "test_a_preparation_that_was_cut_short_goes_on_where_it_stopped"),
    ],
    "P42 parameters made after the optimizer": [
        (MODEL, "test_p42_p44_every_parameter_has_a_gradient_after_two_steps_and_forward_makes_none"),
    ],
    "P44 parameters without a gradient": [
        (MODEL, "test_p42_p44_every_parameter_has_a_gradient_after_two_steps_and_forward_makes_none"),
    ],
    "P48 gradients that leak between steps or lose the remainder": [
        (TRAINING, "test_p48_p53_micro_batches_and_their_remainder_are_one_big_batch"),
        ("unit/training/test_step.py", "test_gradients_of_the_step_before_do_not_leak_in"),
    ],
    "P50 a first sample that cannot be read": [
        ("e2e/test_ecg.py", "test_the_smoke_preset_goes_from_submit_to_its_evaluation"),
    ],
    "P51 histories of unequal length": [
        (TRAINING, "test_p51_every_list_of_the_history_has_every_epoch"),
    ],
    "P52 a best value that is stale": [
        (TRAINING, "test_p52_the_best_epoch_is_that_of_the_greatest_macro_f1"),
        ("integration/test_exact_resume.py", "test_every_kind_of_state_survives_several_deaths"),
    ],
    "P53 the last part of an accumulation left out": [
        (TRAINING, "test_p48_p53_micro_batches_and_their_remainder_are_one_big_batch"),
        ("unit/training/test_step.py", "test_micro_batches_with_a_remainder_equal_one_big_batch"),
    ],
    "P54 metrics that are no JSON, or too much of it": [
        (EVALUATION, "test_p54_results_are_json_and_every_answer_is_beside_them"),
    ],
    "P55 classes that shift when one is absent": [
        (EVALUATION, "test_p55_an_absent_class_keeps_its_row_and_moves_no_other"),
        (EVALUATION, "test_p55_areas_are_those_of_a_ranking_and_figures_say_which_class_is_absent"),
    ],
    "P56 records counted twice, or patients in two splits": [
        (DATA, "test_p56_a_header_and_its_signal_are_one_record_and_two_rates_are_the_higher"),
        (PARTITION, "test_p56_no_record_is_in_two_splits_and_patients_that_are_are_told"),
        (PARTITION, "test_p56_whole_patients_are_divided_and_no_split_is_empty"),
        (PARTITION, "test_p56_patients_of_the_label_file_are_kept_together"),
    ],
    "P57 two sources of one setting": [
        (PARTITION, "test_p57_the_limit_of_the_spec_is_the_one_that_acts"),
    ],
    "P58 a mean over batches that were not seen": [
        (TRAINING, "test_p58_a_dry_run_divides_by_the_samples_it_saw"),
    ],
    "P59 leads that cancel, and signals turned over": [
        (MODEL, "test_p59_opposite_deflections_of_two_leads_do_not_cancel"),
        (DATA, "test_p59_leads_come_first_whichever_axis_they_were_on"),
        (DATA, "test_p59_a_matlab_file_says_its_rate_or_the_spec_does"),
    ],
    "P60 labels that are all the same": [
        (LABELS, "test_p60_labels_that_mean_nothing_are_refused_with_what_they_say"),
        (LABELS, "test_p60_one_class_is_nothing_to_tell_apart"),
        (GUARDS, "test_p60_labels_that_are_all_the_same_are_seen"),
    ],
}
