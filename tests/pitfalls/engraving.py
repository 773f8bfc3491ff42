"""Pitfalls of the image and caption model."""

from __future__ import annotations

from tests.pitfalls.table import Table

MODEL = "workloads/test_engraving_model.py"
TOKENIZER = "workloads/test_engraving_tokenizer.py"
DATA = "workloads/test_engraving_data.py"
OBJECTIVE = "workloads/test_engraving_objective.py"
EVALUATION = "workloads/test_engraving_evaluation.py"
TRAINING = "workloads/test_engraving_training.py"
GUARDS = "workloads/test_engraving_guards.py"
SPEC = "unit/specs/test_engraving.py"

PITFALLS: Table = {
    "P4 results that depend on the batch size": [
        (MODEL, "test_p4_shapes_hold_for_any_batch"),
        (MODEL, "test_p4_a_sample_alone_gets_what_it_gets_among_others"),
        (OBJECTIVE, "test_p4_the_loss_of_a_batch_is_the_mean_of_its_samples"),
        (EVALUATION, "test_p4_answers_are_the_same_for_any_batch_size"),
        (EVALUATION, "test_p4_telling_a_latent_alone_says_what_it_says_among_others"),
    ],
    "P12 a resume that forgets state": [
        ("integration/test_exact_resume.py", "test_every_kind_of_state_survives_several_deaths"),
    ],
    "P13 a corrupt checkpoint believed": [
        ("integration/test_checkpoint_crash.py", "*"),
    ],
    "P16 dummy tokens": [
        (TOKENIZER, "test_p16_captions_differ_in_tokens_and_come_back"),
        (DATA, "test_p16_p63_no_training_caption_has_unknown_words_and_all_come_back"),
    ],
    "P17 a tokenizer used before it was built": [
        (TOKENIZER, "test_p17_an_unbuilt_tokenizer_refuses_everything"),
    ],
    "P18 metadata without captions": [
        (DATA, "test_p18_metadata_without_the_field_caption_is_refused_by_its_name"),
        (DATA, "test_p18_entries_without_a_caption_are_counted"),
    ],
    "P19 validation in batches as large as training's": [
        (SPEC, "test_p19_validation_passes_have_a_batch_size_of_their_own"),
        ("unit/training/test_main.py", "test_p19_validation_takes_batches_of_its_own_size"),
    ],
    "P42 parameters made after the optimizer": [
        (MODEL, "test_p42_forward_makes_no_parameter"),
    ],
    "P43 layers whose failures are swallowed": [
        (MODEL, "test_p43_an_error_in_any_part_reaches_the_caller"),
    ],
    "P44 parameters without a gradient": [
        (MODEL, "test_p44_p61_every_parameter_has_a_gradient_after_two_steps"),
        (MODEL, "test_p44_gradients_are_no_rounding_errors"),
    ],
    "P48 gradients that leak between steps or lose the remainder": [
        (TRAINING, "test_micro_batches_and_their_remainder_are_one_big_batch"),
        ("unit/training/test_step.py", "test_gradients_of_the_step_before_do_not_leak_in"),
    ],
    "P51 histories of unequal length": [
        (TRAINING, "test_every_list_of_the_history_has_every_epoch"),
    ],
    "P61 a transformer that is left out, or sees what is to come": [
        (MODEL, "test_p61_a_token_changes_the_logits_behind_it_and_no_others"),
        (MODEL, "test_p61_the_latent_acts_on_every_token"),
        (MODEL, "test_p61_cross_attention_weighs_the_latent_against_nothing"),
        (GUARDS, "test_p61_a_transformer_that_is_left_out_is_seen"),
    ],
    "P62 a tanh compared with pixels between 0 and 1": [
        (MODEL, "test_p62_what_is_drawn_has_the_range_of_the_images"),
        (DATA, "test_p62_pixels_lie_between_minus_one_and_one_as_the_decoder_draws_them"),
        (OBJECTIVE, "test_p62_a_perfect_answer_costs_nothing"),
    ],
    "P63 punctuation that makes known words unknown": [
        (TOKENIZER, "test_p63_punctuation_is_cut_before_words_are_counted"),
        (DATA, "test_p16_p63_no_training_caption_has_unknown_words_and_all_come_back"),
    ],
    "P64 captions without an end": [
        (TOKENIZER, "test_p64_a_long_caption_keeps_its_end"),
        (TOKENIZER, "test_p64_decoding_stops_at_the_first_end"),
        (EVALUATION, "test_p64_telling_stops_at_end_and_never_says_pad_or_start"),
    ],
    "P65 a vocabulary of another size than the model's": [
        (TOKENIZER, "test_p65_a_model_with_fewer_rows_than_tokens_is_refused_with_both_numbers"),
        (EVALUATION, "test_p65_weights_of_another_vocabulary_are_refused_before_they_are_loaded"),
    ],
    "P66 an alignment of nothing with nothing": [
        (OBJECTIVE, "test_p66_contrastive_alignment_prefers_the_matching_caption"),
        (OBJECTIVE, "test_p66_contrastive_alignment_teaches_image_and_words"),
    ],
    "P67 weights in several forms": [
        (EVALUATION, "test_p67_weights_are_plain_tensors_that_load_as_such"),
    ],
    "P68 a dataset that seeds the global generator": [
        (DATA, "test_p68_the_division_is_its_own_and_leaves_the_global_generators_alone"),
    ],
}
