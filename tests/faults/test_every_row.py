"""Which test stands for which row of the list of faults, as far as runs and files go."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CALLS = "faults/test_kth_call.py::test_rows_68_69_74_81_every_call_may_be_the_last_or_fail"
ROWS = {
    66: ["study/test_launch.py::test_row_66_a_killed_run_is_made_again_twice_at_most"],
    67: ["study/test_resume.py::test_row_67_killed_anywhere_it_ends_as_if_it_never_was"],
    68: [CALLS],
    69: [
        CALLS,
        "runs/test_checkpoint.py::test_row_69_a_flipped_bit_anywhere_is_found",
        "training/test_progress.py::test_row_69_damage_begins_again_and_is_kept",
    ],
    70: [
        "study/test_resume.py::test_row_70_stopped_anywhere_it_ends_as_if_it_never_was",
        "study/test_worker.py::test_rows_70_71_72_a_signal_stops_after_the_batch",
        "study/test_launch.py::test_row_70_ctrl_c_twice_stops_at_once",
    ],
    71: [
        "study/test_worker.py::test_rows_70_71_72_a_signal_stops_after_the_batch",
        "study/test_worker.py::test_rows_71_72_the_signals_of_a_cluster_stop_a_run",
        "study/test_launch.py::test_rows_71_72_other_signals_stop_as_well",
        "study/test_worker.py::test_rows_71_72_a_signal_to_all_processes_of_a_group_stops_each_run",
        "study/test_slurm.py::test_row_71_a_job_at_its_time_limit_goes_on_from_the_checkpoint",
    ],
    72: [
        "study/test_worker.py::test_rows_71_72_the_signals_of_a_cluster_stop_a_run",
        "study/test_launch.py::test_rows_71_72_other_signals_stop_as_well",
    ],
    73: [
        "faults/test_run_folder.py::test_row_73_a_stopped_process_is_no_lost_one",
        "study/test_beat.py::test_row_73_a_writer_that_slept_finds_that_it_was_replaced",
    ],
    74: [
        CALLS,
        "faults/test_run_folder.py::test_row_74_the_message_has_path_space_and_remedy",
        "study/test_worker.py::test_rows_74_77_78_the_reason_is_in_the_folder",
        "study/test_launch.py::test_row_74_three_runs_without_disk_in_a_row_pause_the_sweep",
    ],
    75: [
        "faults/test_run_folder.py::test_row_75_what_stands_in_the_way_is_named",
        "faults/test_run_folder.py::test_row_75_a_read_only_place_is_named",
        "study/test_launch.py::test_a_place_that_cannot_be_written_is_told_before_anything_runs",
    ],
    76: ["faults/test_run_folder.py::test_row_76_too_many_open_files"],
    77: [
        "study/test_worker.py::test_rows_74_77_78_the_reason_is_in_the_folder",
        "study/test_launch.py::test_row_77_what_the_kernel_kills_for_memory_is_not_tried_again",
    ],
    78: ["study/test_worker.py::test_rows_74_77_78_the_reason_is_in_the_folder"],
    79: [
        "study/test_worker.py::test_row_79_a_crash_in_native_code_leaves_its_trace_in_the_log",
        "study/test_launch.py::test_every_way_to_end_touches_only_that_run",
    ],
    80: ["study/test_launch.py::test_row_80_a_hanging_run_meets_its_timeout_and_others_go_on"],
    81: [CALLS],
    82: ["study/test_worker.py::test_row_82_the_log_is_capped"],
    83: ["study/test_train.py::test_row_83_a_loss_that_is_not_finite_is_an_outcome"],
    84: ["plugins/test_flag_loss.py::test_a_constant_loss_is_flagged_once"],
    85: [
        "faults/test_run_folder.py::test_row_85_a_damaged_record_never_invents_a_number",
        "runs/test_metrics.py::test_any_flipped_bit_loses_its_line_and_no_other",
    ],
    86: ["runs/test_folder.py::test_half_a_result_is_corrupt"],
    87: [
        "faults/test_run_folder.py::test_row_87_foreign_files_and_links_are_left_alone",
        "compare/test_loader.py::test_foreign_files_are_ignored_and_listed",
    ],
    88: ["study/test_launch.py::test_what_another_sweep_has_made_meanwhile_is_not_begun"],
    89: [
        "faults/test_run_folder.py::test_row_89_of_many_at_once_one_works",
        "study/test_beat.py::test_row_89_a_machine_that_beats_is_awaited",
    ],
    90: [
        "faults/test_run_folder.py::test_row_90_a_dead_owner_locks_nothing",
        "study/test_beat.py::test_row_90_a_silent_machine_locks_nothing",
    ],
    91: [
        "faults/test_run_folder.py::test_row_91_dates_of_files_and_of_the_clock_decide_nothing",
        "faults/test_run_folder.py::test_row_91_the_study_asks_no_clock_that_can_be_set",
        "training/test_progress.py::test_row_91_durations_go_on_and_never_go_back",
    ],
    92: ["faults/test_run_folder.py::test_rows_92_93_any_text_is_a_label_and_never_a_path"],
    93: [
        "faults/test_run_folder.py::test_rows_92_93_any_text_is_a_label_and_never_a_path",
        "compare/test_export.py::test_csv_starts_no_formula_and_json_keeps_the_label",
        "compare/report/test_page.py::test_hostile_labels_stay_text",
        "compare/report/test_browser.py::test_hostile_labels_are_shown_and_never_run",
    ],
    94: ["compare/test_many.py::test_row94_time_grows_with_the_runs_and_memory_stays_small"],
    95: [
        "compare/test_comparison.py::test_pairs_are_the_common_seeds",
        "compare/test_comparison.py::test_a_seed_that_is_there_twice_is_left_out_of_the_pairs",
        "compare/test_comparison.py::test_one_pair_has_a_difference_but_no_interval",
        "compare/test_paired_tests.py::test_four_seeds_have_no_test",
    ],
    96: [
        "compare/test_comparison.py::test_what_is_not_comparable_is_refused_unless_forced",
        "compare/test_comparison.py::test_pooling_over_different_metrics_is_an_error",
        "compare/report/test_page.py::test_what_is_not_comparable_is_said",
    ],
    97: [
        "runs/test_fingerprint.py::test_it_changes_with",
        "study/test_resume.py::"
        "test_row_97_after_an_upgrade_or_elsewhere_it_is_refused_with_the_difference",
    ],
    98: ["study/test_worker.py::test_a_sweep_makes_its_folders_and_again_does_nothing"],
    99: ["faults/test_run_folder.py::test_row_99_a_run_that_was_moved_goes_on"],
    100: [
        "compare/test_comparison.py::test_no_runs_and_only_failed_runs_say_so",
        "compare/report/test_page.py::test_a_study_without_runs_and_one_where_all_failed_say_so",
        "cli/test_report.py::test_without_an_outcome_it_is_written_and_the_exit_code_says_so",
    ],
    101: [
        "faults/test_run_folder.py::test_row_101_the_result_of_a_newer_gatekit_is_not_made_again",
        "runs/test_checkpoint.py::test_row_101_a_newer_format_is_not_guessed",
    ],
    102: ["study/test_plan.py::test_row_102_duplicates_run_once"],
}


@pytest.mark.parametrize("row", range(66, 103))
def test_every_row_has_its_test(row):
    assert ROWS[row]
    for place in ROWS[row]:
        name, test = place.split("::")
        tree = ast.parse((TESTS / name).read_text())
        assert test in [n.name for n in tree.body if isinstance(n, ast.FunctionDef)], place
