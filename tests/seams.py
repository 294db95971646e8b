"""The seams of gatekit that tests use: the only file of tests that knows its inner modules.

A test imports `gatekit`, its public packages, and this file. What is below is loaded on first use,
so that a test that needs no TensorFlow does not load it.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit import registry

# Inner module -> the names that tests take from it; `here=there` where it is called otherwise here.
# A module that moves changes one line. Names go with the tests that need them.
INNER = {
    "gatekit": "_saved faults",
    "gatekit._version": "__version__",
    "gatekit.api": "Planned",
    "gatekit.api.words": "words_of_keys=words_of",
    "gatekit.cell": "errors",
    "gatekit.cell.analysis.affine": "AffineStates LARGEST_BLOCK analyse_affine=analyse",
    "gatekit.cell.analysis.chunk": "Parallel analyse_chunk=analyse",
    "gatekit.cell.analysis.cost": "flops state_size step_cost",
    "gatekit.cell.block.built_block": "BuiltBlock build_block",
    "gatekit.cell.block.contract": "units_of",
    "gatekit.cell.block.parts": "Parts",
    "gatekit.cell.block.reading": "BlockSpec read_block",
    "gatekit.cell.block.show": "block_text=text describe_block=describe",
    "gatekit.cell.block.stack": "Around Stack build_stack",
    "gatekit.cell.calls": "ArgumentError no_attribute",
    "gatekit.cell.catalogue": "Catalogue",
    "gatekit.cell.declare": "Declared plain_declared=plain",
    "gatekit.cell.errors": "CellError ExpressionError OptionError PluginError nearest",
    "gatekit.cell.first_values": "draw_values=draw first_values_generator=generator",
    "gatekit.cell.gate": "InlineGate",
    "gatekit.cell.graph": "BuiltCell=Cell Weight build",
    "gatekit.cell.language": "language_ops=ops",
    "gatekit.cell.language.expression": (
        "Binary CallNode=Call Expr NameNode=Name Neg NumberNode=Number evaluate render "
        "replaced substitute walk"
    ),
    "gatekit.cell.language.ops": "FUNCTIONS",
    "gatekit.cell.language.parse": "MAX_CHARACTERS parse parse_MAX_DEPTH=MAX_DEPTH",
    "gatekit.cell.learned": "DrawContext MAPS",
    "gatekit.cell.program": "Apply Before Largest lower solved",
    "gatekit.cell.program.equations": "Equations LAYER_NORM texts",
    "gatekit.cell.schema": (
        "ABOUT_KEYS CELL CELL_KEYS CellSpec OutputUnitSpec RESERVED UNVERIFIED by_gate "
        "gate_of make_initializer read_cell read_output_unit swap with_gates"
    ),
    "gatekit.cell.show": "show_parallel=parallel",
    "gatekit.cell.show.describe": "cell_text=text describe_cell=describe",
    "gatekit.cell.show.diagram": "block",
    "gatekit.cell.show.diagram.block": "block_diagram",
    "gatekit.cell.show.diagram.boxes": "Boxes OUTPUT",
    "gatekit.cell.show.diagram.drawing": "drawing_diagram=diagram",
    "gatekit.cell.show.equations": "aligned equations",
    "gatekit.cell.show.latex": "GREEK Notation latex signal symbol",
    "gatekit.cell.show.mathml": "expression mathml",
    "gatekit.cell.show.parallel": "parallel parallel_text=text",
    "gatekit.cell.show.works": "Work bibtex bibtex_parse=read_bibtex cited provenance",
    "gatekit.cell.terminal": "OutputError Terminal console without_sequences",
    "gatekit.cli": "cells=listing cli_main=main sweep_plan=training",
    "gatekit.cli.options": "Parser",
    "gatekit.cli.commands": "COMMANDS GROUPS",
    "gatekit.cli.main": "EXIT_BROKEN_PIPE EXIT_INTERRUPTED EXIT_OUTPUT EXIT_REFUSED main",
    "gatekit.cli.output": "write_table",
    "gatekit.cli.show": "build_cell read_overrides",
    "gatekit.code.entry": "built_cell",
    "gatekit.code.folder": "code_files=files",
    "gatekit.code.from_run": "Trained read_model untrained",
    "gatekit.code.printing": "Printer",
    "gatekit.code.runtime": "torch_runtime=torch",
    "gatekit.code.sizes": "Dim size_constants",
    "gatekit.code.sources": "code_sources=sources",
    "gatekit.compare": "more_seeds",
    "gatekit.compare.budget": "evaluations",
    "gatekit.compare.budget.at": "Budget read_budget",
    "gatekit.compare.compared": "compared_Comparison=Comparison",
    "gatekit.compare.comparison": "Comparison compare_runs=compare",
    "gatekit.compare.curves": "AXES Curve band on_one_grid over read_curve read_curves",
    "gatekit.compare.deciding.over_tasks": "with_noise_of_baseline",
    "gatekit.compare.deciding.finding": "finding_find=find",
    "gatekit.compare.deciding.reasons": "finding_Why=Why",
    "gatekit.compare.deciding.row": "Row",
    "gatekit.compare.answer": "Answer comparison_answer=answer",
    "gatekit.compare.figures": "draw_figure=draw draw_gates figure",
    "gatekit.compare.gates.behaviour": (
        "gates_report geometric_mean gradient gradient_share kept_shares time_at"
    ),
    "gatekit.compare.gates.densities": "densities layers longest_sequence memory slope",
    "gatekit.compare.gates.probes": "read_probe",
    "gatekit.compare.gates.text": "count_text gate_table memory_text state_table to_data",
    "gatekit.compare.grouping": "grouping_best=best",
    "gatekit.compare.grouping.best": "best_of optimism",
    "gatekit.compare.grouping.choose": "where",
    "gatekit.compare.grouping.group": "Group Grouping group_runs",
    "gatekit.compare.grouping.keys": "in_order names_variant of_kind",
    "gatekit.compare.grouping.label": "printable",
    "gatekit.compare.grouping.select": "Selection select",
    "gatekit.compare.live": "reports server",
    "gatekit.compare.live.server": "Server",
    "gatekit.compare.live.watching": "LiveStudies",
    "gatekit.compare.loaded": "Study",
    "gatekit.compare.numbers": (
        "decimals exact numbers_number=number p_value shared_decimals with_interval"
    ),
    "gatekit.compare.options": "FIGURES GROUPING OPTIONS",
    "gatekit.compare.output.export": "latex_text records to_csv to_json to_latex",
    "gatekit.compare.output.notebook": "comparison_html",
    "gatekit.compare.output.table": "footer notes print_table",
    "gatekit.compare.output.table_cells": "groups_table tasks_differences tasks_notes tasks_table",
    "gatekit.compare.recipe": "arguments",
    "gatekit.compare.render": "matplotlib",
    "gatekit.compare.render.files": "write_figure",
    "gatekit.compare.render.style": "COLOURS style_of",
    "gatekit.compare.render.text": "log_ticks shortened",
    "gatekit.compare.report": "compare_report_page=page curves report_cells=cells",
    "gatekit.compare.report.context": "Section Sheet sheet",
    "gatekit.compare.report.facts": "facts",
    "gatekit.compare.report.markup": "html markup_data=data markup_text=text number",
    "gatekit.compare.report.page": "SCRIPTS SECTIONS report_page=page",
    "gatekit.compare.report.runs": "failures",
    "gatekit.compare.report.save": "write_report",
    "gatekit.compare.report.summary": "summary",
    "gatekit.compare.report.to_data": "Charts",
    "gatekit.compare.scrub": "line_with_location scrub without_paths",
    "gatekit.compare.several": "SeveralTasks several_tasks",
    "gatekit.compare.share": "unbundle",
    "gatekit.compare.share.bundle": "write_bundle",
    "gatekit.compare.share.unbundle": "import_bundle",
    "gatekit.compare.stats.across_tasks": "rank_variants stratified_mean stratified_t_interval",
    "gatekit.compare.stats.interim_tests": (
        "beyond decide_interim first_interim flipped is_possible next_interim spent"
    ),
    "gatekit.compare.stats.intervals": (
        "Interval by_seed effect_size limits mean_interval of_seeds "
        "probability_of_improvement signed_ranks within_limits"
    ),
    "gatekit.compare.stats.multiple_comparisons": "VECTORS holm sign_vectors step_down",
    "gatekit.compare.stats.paired_tests": (
        "ALPHA FLIPS MIN_FLIPS MIN_SEEDS PAIRED_T RANKS RANK_FLIPS decide paired_t within_margin"
    ),
    "gatekit.compare.stats.power": "MOST_SEEDS POWER bar power seeds_needed",
    "gatekit.compare.study": "load_runs=load studies",
    "gatekit.compare.views.chart": "Chart Mark Panel",
    "gatekit.compare.views.gates": "gates",
    "gatekit.compare.views.kinds": "Asked chart",
    "gatekit.compare.views.over_training": "over_training_curves=curves",
    "gatekit.compare.views.rows": "shown_rows",
    "gatekit.compare.why": "Change Why why",
    "gatekit.faults": (
        "Channel Fault Flag Kind ListOf Mismatch NOTHING OneOf Optional Place Table Text "
        "Typed Whole faults_Call=Call faults_Number=Number fits nearest_name speak"
    ),
    "gatekit.recurrence": "call hold step tensor_ops",
    "gatekit.recurrence.blocks.keras_parts": "CausalConvolution",
    "gatekit.recurrence.blocks.order": "Order",
    "gatekit.recurrence.call": "state_shapes",
    "gatekit.recurrence.emission": "apply_unit only_final",
    "gatekit.recurrence.executors": "blockwise dispatch executors_choose=choose reference stacked",
    "gatekit.recurrence.executors.choose": (
        "EXECUTORS ExecutorChoice Setting check_executor=check choose"
    ),
    "gatekit.recurrence.executors.chunk": "between layout sums",
    "gatekit.recurrence.executors.chunk.scores": "in_blocks scores",
    "gatekit.recurrence.executors.dispatch": "Executor",
    "gatekit.recurrence.executors.linear.recurrence": "linear_recurrence",
    "gatekit.recurrence.executors.linear.solve": "SOLVERS",
    "gatekit.recurrence.executors.reference": "one_step",
    "gatekit.recurrence.instrument": "instrumented",
    "gatekit.recurrence.keras_form": "KerasForm keras_form",
    "gatekit.recurrence.layers": "inputs rnn",
    "gatekit.recurrence.layers.arguments": "own_arguments",
    "gatekit.recurrence.layers.shared_cells": "shared_cells_built_cell=built_cell",
    "gatekit.recurrence.masking": "ValidSteps history previous_values",
    "gatekit.recurrence.noise": "bernoulli dropout_mask scrambled_seed",
    "gatekit.recurrence.packing": "bound",
    "gatekit.recurrence.problem": "Problem Solution",
    "gatekit.recurrence.step": "normalised product",
    "gatekit.registry": (
        "author components contract discovery hashes hooks loading registry_cells=cells safe_yaml"
    ),
    "gatekit.registry.cells": "in_file",
    "gatekit.registry.cells.places": "BIBLIOGRAPHY MAX_BYTES",
    "gatekit.registry.components": "Components load_components=load",
    "gatekit.registry.discovery": "CELL_FOLDERS",
    "gatekit.registry.hooks": "HOOKS",
    "gatekit.registry.loading": "complete_registry using",
    "gatekit.registry.safe_yaml": (
        "read_yaml safe_yaml_MAX_BYTES=MAX_BYTES safe_yaml_MAX_DEPTH=MAX_DEPTH"
    ),
    "gatekit.registry.tracker": "tracker_NAMES=NAMES without_secrets",
    "gatekit.runs": (
        "checkpoint directions durable environment metrics names result run_process=process "
        "runs_config=config script used"
    ),
    "gatekit.runs.checkpoint": "Checkpoint DamagedError pack unpack",
    "gatekit.runs.config": (
        "ConfigReader chosen_by dumped_config=dumped flatten read_config=read refuse_unusual "
        "run_settings sized_alike untyped"
    ),
    "gatekit.runs.durable": "sha256",
    "gatekit.runs.folder": "AlteredError ClaimedError RunFolder",
    "gatekit.runs.metrics": "Tail parse_metrics=parse read_metrics=read",
    "gatekit.runs.names": (
        "LOOKS NUMERICS RUNS STALE UNRECORDED canonical_json fingerprint study_name"
    ),
    "gatekit.runs.probe": (
        "gate_facts gradient_facts heat kept_facts plain_mask probe_line projection_facts "
        "shown_steps time_scale whole_lines"
    ),
    "gatekit.runs.process": "Owner peak_memory",
    "gatekit.runs.record": "KeptRuns RunRecord",
    "gatekit.runs.result": "ResultMetric Score State dumped_result=dumped parsed result_of",
    "gatekit.runs.state": "RunReader RunState SMALL",
    "gatekit.runs.studies": "interim_file plan_file",
    "gatekit.runs.studies.interim_file": "InterimAnalyses",
    "gatekit.runs.studies.plan_file": "RequestedRun write",
    "gatekit.runs.studies.prune": "removable remove",
    "gatekit.runs.studies.survey": "causes find note_unrecorded study_folder survey unrecorded",
    "gatekit.study": (
        "command config data launch_package=launch line matching study_options=options "
        "study_variant=variant"
    ),
    "gatekit.study.argv": "Reader",
    "gatekit.study.command": "compose composition train_command=train",
    "gatekit.study.config": "validate",
    "gatekit.study.dry_run": "Preview VariantPreview preview",
    "gatekit.study.extend": "extend_seed_of=seed_of extension first_seeds",
    "gatekit.study.hydra": "hydra_sources=sources untrusted_files",
    "gatekit.study.hydra.composing": "candidates",
    "gatekit.study.hydra.sources": "CheckedSource",
    "gatekit.study.hydra.sweepers": "Composition",
    "gatekit.study.keys": (
        "CELLS DECLARED DEFAULTS GROUP_KEYS LAUNCH_KEYS MISSING OPTIMIZERS RUN_KEYS "
        "STEPS_OR_SHARE TEXTS TRACKERS USUAL keys_KEYS=KEYS with_omitted"
    ),
    "gatekit.study.launch": (
        "entry fork_server launch launch_process=process launch_report=report loop ray slurm "
        "slurm_queue"
    ),
    "gatekit.study.launch.contract": "Cause ListedRuns StartError",
    "gatekit.study.launch.entry": "prepare write_plan",
    "gatekit.study.launch.following": "FollowedRun duration seconds_left",
    "gatekit.study.launch.loop": "loop_make=make pending",
    "gatekit.study.launch.outcome": "SweepOutcome",
    "gatekit.study.launch.process": "Process Processes",
    "gatekit.study.launch.progress": "Progress",
    "gatekit.study.launch.signals": "CAUGHT StoppedError caught raising",
    "gatekit.study.launch.slurm_queue": "submitit_executor",
    "gatekit.study.line": "overrides prefixed",
    "gatekit.study.options": "CHECKS Options SHARED defaults read_options slot_environments",
    "gatekit.study.plan": (
        "Launch PlannedRun SweepPlan plan_jobs=plan plan_or_errors plan_words_of=words_of"
    ),
    "gatekit.study.resolve": "plain_config=plain",
    "gatekit.study.search": "SearchChoice SearchInterval optuna search",
    "gatekit.study.search.confirm": "confirm_best=best confirming value_of",
    "gatekit.study.search.search": "recorded",
    "gatekit.study.variant": "variant",
    "gatekit.tasks": "seeds tasks_fetch=fetch tasks_files=files",
    "gatekit.tasks.describe": "as_text describe_task=describe sections task_options=options",
    "gatekit.tasks.fetch": "fetch verify",
    "gatekit.tasks.piano_rolls": "content_hash read_json read_mat",
    "gatekit.tasks.text": "windows",
    "gatekit.tasks.validate": "DataWarning check_batch check_sample check_splits",
    "gatekit.testing": "limited scaffold",
    "gatekit.testing.alone": "load_alone",
    "gatekit.testing.cell_subject": "from_file",
    "gatekit.testing.outcome": "compare",
    "gatekit.testing.scaffold": "KINDS",
    "gatekit.testing.subject": "Subject UNITS subject subject_KINDS=KINDS",
    "gatekit.testing.suite": (
        "IN_A_LAYER NAMES OF_CELLS OF_FUNCTIONS OF_TASKS cell_checks suite_DECLARED=DECLARED"
    ),
    "gatekit.testing.tensors": "tensors_arguments=arguments",
    "gatekit.training": (
        "batches jit resume trainer training_probe=probe training_process=process worker"
    ),
    "gatekit.training.batches": "StepData labelled",
    "gatekit.training.callbacks": "Callbacks reported",
    "gatekit.training.carrying": "CarryingBlock CarryingRNN",
    "gatekit.training.exported": "_apart",
    "gatekit.training.feed": "Feed",
    "gatekit.training.model": (
        "SequenceModel build_model named_weights pooled pooled_metric set_weights step_loss "
        "step_metric"
    ),
    "gatekit.training.optimizers": "decayed optimizer vectors",
    "gatekit.training.parts": "PartialGradients Shards",
    "gatekit.training.probe": "Probe",
    "gatekit.training.process": "programs",
    "gatekit.training.resume": "checkpoint_of",
    "gatekit.training.schedule": "schedule typed",
    "gatekit.training.summary": ("InterruptedRunError Scores StepTimes parameter_counts"),
    "gatekit.training.traced": "Kept foreign",
    "gatekit.training.trainer": "Attempt trainer_train=train",
    "gatekit.training.worker": "devices_of make_deterministic",
}
_PLACES = {
    here: (module, there or here)
    for module, names in INNER.items()
    for here, _, there in (name.partition("=") for name in names.split())
}


def _load(name: str) -> Any:
    module, there = _PLACES[name]
    try:
        return getattr(importlib.import_module(module), there)
    except AttributeError:  # a module that its package does not import
        return importlib.import_module(f"{module}.{there}")


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    return _load(name)


def plan(words: Sequence[str], **options: Any) -> Any:
    """Return what ``gatekit train`` with these words would run; ``runs`` are its runs."""
    return _load("plan_jobs")(_load("compose")(words), **options)


def cell(
    spec: str | Mapping[str, Any],
    units: int = 4,
    features: int = 3,
    output_unit: Any = "hidden",
    known: Any = None,
) -> Any:
    """Return a cell with its sizes.

    Args:
        spec: the name of a bundled cell, or a cell as plain data.
        known: the catalogue of components; the bundled ones if it is None.
    """
    known = known or registry.catalogue()
    named = isinstance(spec, str)
    read = registry.load_cell(spec, known) if named else _load("read_cell")(spec, known)
    return _load("build")(read, units, features, _load("read_output_unit")(output_unit, known))


def run_inline(words: Sequence[str], path: Path, stop: Any = None, **options: Any) -> Any:
    """Train the one run of some words in this process, and return its folder."""
    (run,) = plan(words).runs
    folder = _load("RunFolder")(path)
    folder.claim()
    folder.write_config(run.config)
    task = _load("load_components")().task(run.config["task"])
    stop = stop or threading.Event()
    folder.finish(train_run(run.config, task, folder, stop, 0, **options))
    return folder


def train_run(config: Any, task: Any, folder: Any, stop: Any, *rest: Any, **options: Any) -> Any:
    """Train a run in this process, in a claimed folder, and return its record."""
    given = {name: value for name, value in options.items() if value is not None}
    return _load("trainer_train")(_load("Attempt")(config, task, folder, stop, *rest, **given))


def disk(patch: Any, faulty: Any) -> None:
    """Let all writing go to another disk, as long as a monkeypatch holds."""
    patch.setattr(_load("durable"), "disk", faulty)
