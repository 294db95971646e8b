"""Plant faults one at a time in a copy of the repository, and check that the tests catch each.

    python tests/planted.py [--only NAME] [--jobs 2] [--sound]

A fault replaces one piece of one file; the tests that it names must fail then. With ``--sound``
nothing is replaced, and they must pass. Faster tests are worth nothing if they find less: run
this before and after you remove or shorten tests. Slow tests are left out, so that what
``make test`` finds is what counts. The exit code is 1 if any fault is not caught.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutate import ROOT, copied, run_tests


@dataclass(frozen=True)
class Fault:
    """A fault.

    Args:
        name: what is wrong then.
        file: the file, from the root of the repository.
        old: what is replaced; it must be in the file exactly once.
        new: what replaces it.
        tests: arguments of pytest: the tests of which one must fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


FAULTS = (
    # -- what masked and padded steps compute
    Fault(
        "masked inputs are zero, and so is the count of steps",
        "gatekit/recurrence/masking.py",
        "return tf.where(mask, value, borrowed(tf.reduce_any(mask, 0), first))",
        "return tf.where(mask, value, tf.zeros_like(first))",
        ("tests/recurrence/test_masked_gradients.py", "-k", "log_of_x or log_of_t"),
    ),
    Fault(
        "a row without a valid step has inputs of zero",
        "gatekit/recurrence/masking.py",
        "return tf.where(own, value, most)",
        "return tf.where(own, value, tf.zeros_like(most))",
        ("tests/recurrence/test_masked_gradients.py", "-k", "log_of_x"),
    ),
    Fault(
        "the count of steps is 0 at masked steps",
        "gatekit/recurrence/call.py",
        'sequences["t"] = harmless(mask, tf.cast(tf.maximum(count, 1), x.dtype))',
        'sequences["t"] = tf.cast(count, x.dtype)',
        ("tests/recurrence/test_masked_gradients.py", "-k", "log_of_t"),
    ),
    Fault(
        "chunks that are computed again are padded with a count of 0",
        "gatekit/recurrence/executors/fused/executor.py",
        "self.cut(sequence, tf.reduce_sum(sequence[:1], 0))",
        "self.cut(sequence)",
        ("tests/recurrence/test_masked_gradients.py", "-k", "power_law_lstm"),
    ),
    Fault(
        "a masked step of a loop reads the states in which the row ended",
        "gatekit/recurrence/problem.py",
        "name: tf.where(valid, value, tf.stop_gradient(safe[name]))",
        "name: tf.where(valid, value, value)",
        ("tests/recurrence/test_masked_gradients.py", "-k", "change_of_state and one_step"),
    ),
    Fault(
        "the backward loop reads the states in which the row ended",
        "gatekit/recurrence/executors/fused/backward.py",
        "problem.operands(entering, valid)",
        "problem.operands(entering, None)",
        (
            "tests/recurrence/test_masked_gradients.py",
            "-k",
            "change_of_state and one_step and fused",
        ),
    ),
    Fault(
        "a scan or a chunk reads the states in which the row ended at masked steps",
        "gatekit/recurrence/executors/blockwise.py",
        'env[op.out] = harmless(problem.mask, env[f"{op.out}:held"])',
        'env[op.out] = env[f"{op.out}:held"]',
        ("tests/recurrence/test_masked_gradients.py", "-k", "mean and (scan or memory)"),
    ),
    Fault(
        "newton differentiates masked steps",
        "gatekit/recurrence/executors/newton/solve.py",
        "harmless(step.problem.mask, value) for value in previous",
        "value for value in previous",
        ("tests/recurrence/test_masked_gradients.py", "-k", "ends_at_zero and newton"),
    ),
    Fault(
        "an output unit reads the initial state ahead of the first valid step",
        "gatekit/recurrence/emission.py",
        "env.update({name: harmless(shown, value) for name, value in sequences.items()})",
        "pass",
        ("tests/recurrence/test_masked_gradients.py", "-k", "output_unit and sequences"),
    ),
    Fault(
        "a block divides by zero at masked steps",
        "gatekit/recurrence/blocks/layer.py",
        "x = order.harmless(x)",
        "x = x if mask is None else tf.where(mask[:, :, None], x, tf.zeros_like(x))",
        ("tests/recurrence/test_masked_gradients.py", "-k", "a_block"),
    ),
    # -- blocks
    Fault(
        "the convolution looks across a reset",
        "gatekit/recurrence/blocks/keras_parts.py",
        "if current is not None and back:",
        "if current is not None and back > 9:",
        ("tests/recurrence/test_blocks.py", "-k", "loop_over_valid_steps"),
    ),
    Fault(
        "the convolution keeps inputs of masked steps for the next call",
        "gatekit/recurrence/blocks/order.py",
        "last_step(self._count) + tf.range(size)",
        "self.time + tf.range(size)[None] + 0 * self._count[:, -1:]",
        ("tests/recurrence/test_blocks.py", "-k", "loop_over_valid_steps"),
    ),
    Fault(
        "a plain block is hashed into the fingerprint",
        "gatekit/registry/hashes.py",
        "if block is not None and not block.plain:",
        "if block is not None:",
        ("tests/study/test_blocks.py", "-k", "before_there_were_blocks"),
    ),
    # -- what a cell is
    Fault(
        "a peephole reads the old memory",
        "conf/cell/peephole.yaml",
        "h_prev: dense, c: diagonal",
        "h_prev: dense, c_prev: diagonal",
        ("tests/recurrence/test_layer_witness.py::test_masked_with_holes[peephole]",),
    ),
    Fault(
        "the update gate of a GRU keeps what it should replace",
        "conf/cell/gru.yaml",
        "update * h_prev + (1 - update) * candidate",
        "(1 - update) * h_prev + update * candidate",
        ("tests/recurrence/test_layer_witness.py::test_masked_with_holes[gru]",),
    ),
    Fault(
        "the forget bias starts at zero",
        "conf/cell/lstm.yaml",
        "forget: {kind: forget, initializers: {bias: {kind: ones}}}",
        "forget: {kind: forget}",
        ("tests/recurrence/test_layer.py", "-k", "keeps_the_settings"),
    ),
    Fault(
        "the stabiliser of slstm starts at 5",
        "conf/cell/slstm.yaml",
        "m: -1.0e+30",
        "m: 5.0",
        ("tests/reference/test_first.py", "-k", "slstm"),
    ),
    Fault(
        "the heads of RetNet decay faster",
        "plugins/initializers/memory_initializers.py",
        "2.0 ** (-5.0 - np",
        "2.0 ** (-4.0 - np",
        ("tests/reference/test_first.py", "-k", "retnet"),
    ),
    Fault(
        "a gate of DeltaNet has a bias too many",
        "conf/cell/delta_net.yaml",
        "beta: {kind: sigmoid, bias: false",
        "beta: {kind: sigmoid, bias: true",
        ("tests/reference/test_first.py", "-k", "delta_net"),
    ),
    Fault(
        "the power law gate counts the reset as a step",
        "plugins/gates/power_law_gate.py",
        "k = r * t + (1 - r) * k_prev",
        "k = r * (t - 1) + (1 - r) * k_prev",
        ("tests/recurrence/test_layer_witness.py", "-k", "holes and power_law"),
    ),
    Fault(
        "a minus is not read",
        "gatekit/cell/language/parse.py",
        "return Neg(self.visit(node.operand, depth + 1))",
        "return self.visit(node.operand, depth + 1)",
        ("tests/cell/test_equation.py",),
    ),
    Fault(
        "weights that are not trained are counted",
        "gatekit/cell/graph/cell.py",
        "for weight in self.weights if weight.trainable)",
        "for weight in self.weights)",
        ("tests/cell/test_count.py",),
    ),
    Fault(
        "a terminal gets an escape sequence",
        "gatekit/cell/terminal.py",
        '_HIDDEN = ("Cc", "Cf"',
        '_HIDDEN = ("Cf"',
        ("tests/cell/test_terminal.py",),
    ),
    Fault(
        "a FIFO is opened as a file",
        "gatekit/runs/durable.py",
        "if not stat.S_ISREG(os.fstat(number).st_mode):",
        "if stat.S_ISDIR(os.fstat(number).st_mode):",
        ("tests/hostile/test_found.py", "-k", "only_regular_files"),
    ),
    # -- recurrence
    Fault(
        "the mask holds no state",
        "gatekit/recurrence/hold.py",
        "return new if self.valid is None else tf.where(self.valid, new, old)",
        "return new",
        ("tests/recurrence/test_layer_masks.py",),
    ),
    Fault(
        "the adjoint forgets what a masked step hands on",
        "gatekit/recurrence/hold.py",
        "of_old = tf.where(self.valid, zero, d)",
        "of_old = tf.where(self.valid, zero, zero)",
        ("tests/recurrence/test_fused.py", "-k", "masked_dropped_and_zoned and zoneout"),
    ),
    Fault(
        "the adjoint of zoneout has the wrong sign",
        "gatekit/recurrence/hold.py",
        "more = tf.where(self.drawn, d, zero)",
        "more = tf.where(self.drawn, -d, zero)",
        ("tests/recurrence/test_fused.py", "-k", "masked_dropped_and_zoned and zoneout"),
    ),
    Fault(
        "the adjoint of zoneout's mean is not that of its value",
        "gatekit/recurrence/hold.py",
        "more = self.mean * d",
        "more = (1.0 - self.mean) * d",
        ("tests/recurrence/test_layer_executors.py", "-k", "mean_of_zoneout"),
    ),
    Fault(
        "the adjoint of a linear recurrence reads this step's state",
        "gatekit/recurrence/executors/linear/recurrence.py",
        "[values_before(s, value, resets) for s, value in zip(states, first, strict=True)]",
        "list(states)",
        ("tests/recurrence/test_linear_recurrence.py", "-k", "values_and_gradients"),
    ),
    Fault(
        "coupled states swap their coefficients in the adjoint of a scan",
        "gatekit/recurrence/executors/linear/scan.py",
        "[tf.concat([a[i][j][1:], tf.zeros_like(a[i][j][:1])], 0) for i in range(k)]",
        "[tf.concat([a[j][i][1:], tf.zeros_like(a[j][i][:1])], 0) for i in range(k)]",
        ("tests/recurrence/test_linear_recurrence.py", "-k", "values_and_gradients"),
    ),
    Fault(
        "gates that share a norm do not share its statistics",
        "gatekit/recurrence/step.py",
        "parts = normalised([self[part] for part in op.of], op.epsilon)",
        "parts = [normalised([self[part]], op.epsilon)[0] for part in op.of]",
        ("tests/recurrence/test_layer_witness.py", "-k", "holes and norm"),
    ),
    Fault(
        "all dropout masks are one draw",
        "gatekit/recurrence/noise.py",
        "dropped = bernoulli(seed, stream, 0, shape, rate)",
        "dropped = bernoulli(seed, 0, 0, shape, rate)",
        ("tests/recurrence/test_layer_noise.py", "tests/recurrence/test_noise.py"),
    ),
    Fault(
        "zoneout draws the same units at every step",
        "gatekit/recurrence/noise.py",
        "seed[1] + tf.cast(step, tf.int32)]",
        "seed[1] + tf.cast(step, tf.int32) * 0]",
        ("tests/recurrence/test_noise.py", "-k", "independent"),
    ),
    Fault(
        "dropout does not keep the mean",
        "gatekit/recurrence/noise.py",
        "tf.constant(1.0 / (1.0 - rate), dtype))",
        "tf.constant(1.0, dtype))",
        ("tests/recurrence/test_noise.py", "-k", "mean"),
    ),
    Fault(
        "zoneout draws in inference",
        "gatekit/recurrence/hold.py",
        "if rate and problem.training:\n        return Hold(bernoulli",
        "if rate:\n        return Hold(bernoulli",
        ("tests/recurrence/test_layer_noise.py", "-k", "zoneout"),
    ),
    Fault(
        "dropout in inference",
        "gatekit/recurrence/call.py",
        "if call.training and dropout:",
        "if dropout:",
        ("tests/recurrence/test_layer_noise.py", "-k", "inference_never"),
    ),
    Fault(
        "a layer that goes backwards leaves its mask as it was",
        "gatekit/recurrence/call.py",
        "mask = None if mask is None else tf.reverse(mask, [0])",
        "mask = None if mask is None else tf.identity(mask)",
        ("tests/recurrence/test_bidirectional.py", "-k", "every_executor"),
    ),
    Fault(
        "a masked step at the end is emitted",
        "gatekit/recurrence/masking.py",
        "return self.take(values, self.total()[None] - 1, 0.0)[0]",
        "return values[-1]",
        ("tests/recurrence/test_valid.py", "tests/recurrence/test_emission.py"),
    ),
    Fault(
        "a weight's draw does not depend on the seed",
        "gatekit/cell/first_values.py",
        'f"{seed}/{name}"',
        'f"{name}"',
        ("tests/recurrence/test_initial.py",),
    ),
    # -- conversion
    Fault(
        "Keras' gates in the wrong order",
        "gatekit/recurrence/keras_form.py",
        'KERAS_ORDER = {\n    "rnn": ("candidate",),\n    "lstm": ("input", "forget"',
        'KERAS_ORDER = {\n    "rnn": ("candidate",),\n    "lstm": ("forget", "input"',
        ("tests/convert/test_keras.py",),
    ),
    Fault(
        "a GRU's second bias is lost on the way to Keras",
        "gatekit/convert/keras.py",
        "weights += [np.stack([bias, second]) if two else bias]",
        "weights += [np.stack([bias, 0 * second]) if two else bias]",
        ("tests/convert/test_keras.py",),
    ),
    # -- studies
    Fault(
        "runs write compiled programs where others read them",
        "gatekit/training/process/programs.py",
        "_own = Path(tempfile.mkdtemp(dir=place))",
        "_own = Path(place)",
        ("tests/training/test_programs.py",),
    ),
    Fault(
        "a file is replaced before its content is on the disk",
        "gatekit/runs/durable.py",
        "_write_all(number, data.encode() if isinstance(data, str) else data)\n"
        "            disk.fsync(number)",
        "_write_all(number, data.encode() if isinstance(data, str) else data)",
        ("tests/runs/test_files.py", "-k", "syncs"),
    ),
    Fault(
        "a line of metrics does not wait for the disk",
        "gatekit/runs/durable.py",
        'line.encode() + b"\\n")\n            disk.fsync(number)',
        'line.encode() + b"\\n")',
        ("tests/runs/test_files.py", "-k", "append"),
    ),
    Fault(
        "a torn line joins the next one",
        "gatekit/runs/durable.py",
        'b"\\n" if torn else b""',
        'b""',
        ("tests/runs/test_files.py", "-k", "torn"),
    ),
    Fault(
        "a checkpoint's check sum is not compared",
        "gatekit/runs/checkpoint.py",
        "if digest != hashlib.sha256(body).hexdigest().encode():",
        "if len(digest) != DIGITS:",
        ("tests/runs/test_checkpoint.py",),
    ),
    Fault(
        "a changed file does not spoil a result",
        "gatekit/runs/state.py",
        'if not resized and not altered(record["files"], name, digest):',
        "if not resized:",
        ("tests/runs/test_folder.py", "-k", "changed"),
    ),
    Fault(
        "a larger loss is the better one",
        "gatekit/training/resume.py",
        'value < self.best[1] if self.direction == "min" else',
        'value < self.best[1] if self.direction == "max" else',
        ("tests/training/test_progress.py", "-k", "best"),
    ),
    Fault(
        "the best epoch is forgotten on resume",
        "gatekit/training/resume.py",
        "self.best = None if best is None else (best[0], best[1])",
        "self.best = None",
        ("tests/training/test_progress.py", "-k", "taken_back"),
    ),
    Fault(
        "the order of the examples does not depend on the epoch",
        "gatekit/training/batches.py",
        'return seeds.generator(seed, "order", epoch).permutation(count)',
        'return seeds.generator(seed, "order").permutation(count)',
        ("tests/training/test_batches.py",),
    ),
    Fault(
        "rows that fill the last batch count",
        "gatekit/training/batches.py",
        "_filled(y, missing), _filled(weights, missing)",
        "_filled(y, missing), _filled(weights, missing) + 1",
        ("tests/training/test_batches.py",),
    ),
    Fault(
        "a stream goes on from the states of the epoch before",
        "gatekit/training/batches.py",
        "numpy.full(self.size, place == 0)",
        "numpy.full(self.size, False)",
        ("tests/training/test_windows.py",),
    ),
    Fault(
        "evaluation changes the states of the training streams",
        "gatekit/training/carrying.py",
        "self.trained if training else self.evaluated",
        "self.trained",
        ("tests/training/test_carrying.py", "-k", "states_of_its_own"),
    ),
    Fault(
        "a checkpoint lacks the carried states",
        "gatekit/training/resume.py",
        "if isinstance(layer, Carrying):",
        "if not layer.built:",
        ("tests/study/test_resume.py", "-k", "windows"),
    ),
    Fault(
        "seeds of different names are equal",
        "gatekit/tasks/seeds.py",
        "json.dumps([seed, *path])",
        "json.dumps([seed])",
        ("tests/tasks/test_seeds.py",),
    ),
    Fault(
        "a fingerprint leaves the data out",
        "gatekit/runs/names.py",
        '"data": data_hash,',
        '"data": "",',
        ("tests/runs/test_fingerprint.py",),
    ),
    Fault(
        "cosine decay ends too late",
        "gatekit/training/optimizers.py",
        "schedules.CosineDecay(rate, length, alpha",
        "schedules.CosineDecay(rate, 2 * length, alpha",
        ("tests/study/test_train.py", "-k", "schedules"),
    ),
    Fault(
        "training goes on with the averaged weights",
        "gatekit/training/trainer.py",
        "                weight.assign(value)",
        "                pass",
        ("tests/training/test_optimizers.py", "-k", "averaged_weights_are_evaluated"),
    ),
    Fault(
        "vectors decay",
        "gatekit/training/optimizers.py",
        "len(weight.shape) > 1",
        "len(weight.shape) > 0",
        ("tests/training/test_optimizers.py", "-k", "do_not_decay"),
    ),
    Fault(
        "a file of configuration may reference anything",
        "gatekit/study/hydra/untrusted_files.py",
        "        refuse_resolvers({k: value for k, value in data.items() "
        'if k != "defaults"}, above)\n',
        "",
        ("tests/hostile/test_configs.py", "-k", "few_cases"),
    ),
    Fault(
        "a changed data file is read",
        "gatekit/tasks/fetch.py",
        'if manifest is None or hashlib.sha256(content).hexdigest() != manifest["members"][name]:',
        "if manifest is None:",
        ("tests/tasks/test_data_fetch.py", "-k", "changed"),
    ),
    Fault(
        "a key that is written twice is read",
        "gatekit/registry/safe_yaml.py",
        "if event.value in seen:",
        "if event.value is seen:",
        ("tests/registry/test_safe_yaml.py",),
    ),
    Fault(
        "both markers may stand at one step",
        "plugins/tasks/adding.py",
        "(first + rng.integers(1, self.length, size)) % self.length",
        "(first + rng.integers(0, self.length, size)) % self.length",
        ("tests/plugins/test_adding.py",),
    ),
    # -- comparing
    Fault(
        "an interval has the quantile of a one-sided one",
        "gatekit/compare/stats/intervals.py",
        "stdtrit(n - 1, (1 + level) / 2)",
        "stdtrit(n - 1, level)",
        ("tests/compare/test_intervals.py",),
    ),
    Fault(
        "an interval has as many degrees of freedom as values",
        "gatekit/compare/stats/intervals.py",
        "stdtrit(n - 1, (1 + level) / 2)",
        "stdtrit(n, (1 + level) / 2)",
        ("tests/compare/test_intervals.py",),
    ),
    Fault(
        "Holm's correction does not step down",
        "gatekit/compare/stats/multiple_comparisons.py",
        "steps = np.arange(p.shape[-1], 0, -1)",
        "steps = np.full(p.shape[-1], p.shape[-1])",
        ("tests/compare/test_paired_tests.py", "-k", "holm"),
    ),
    Fault(
        "the maximum of t does not step down",
        "gatekit/compare/stats/multiple_comparisons.py",
        "np.maximum.accumulate(t, axis=-2, out=t)",
        "t[...] = t.max(axis=-2, keepdims=True)",
        ("tests/compare/test_paired_tests.py", "-k", "stepped"),
    ),
    Fault(
        "the seeds' differences are flipped for each group alone",
        "gatekit/compare/stats/multiple_comparisons.py",
        "np.maximum.accumulate(t, axis=-2, out=t)",
        "pass",
        ("tests/compare/test_paired_tests.py", "-k", "stepped"),
    ),
    Fault(
        "a look forgets what earlier looks rejected",
        "gatekit/compare/stats/interim_tests.py",
        "(rejected | (t >= t[..., :1] - _TIE)).mean",
        "(t >= t[..., :1] - _TIE).mean",
        ("tests/compare/test_interim_tests.py", "-k", "count_the_sign"),
    ),
    Fault(
        "a damaged look is skipped",
        "gatekit/runs/studies/interim_file.py",
        'raise _unknown(path, f"is damaged in line {number}")',
        "return None",
        ("tests/runs/test_interim_file.py", "-k", "flipped"),
    ),
    Fault(
        "smaller is better though the task says larger",
        "gatekit/compare/stats/difference.py",
        "gain = metric.sign * d",
        "gain = -d",
        ("tests/compare/test_comparison.py",),
    ),
    Fault(
        "a line's check sum is not compared",
        "gatekit/runs/metrics.py",
        'if record.get("crc") != checksum(record):',
        'if not record.get("crc"):',
        ("tests/runs/test_metrics.py",),
    ),
    Fault(
        "a bundle's file is another one than it lists",
        "gatekit/compare/share/unbundle.py",
        "if _copy(archive, name, folder) != digest:",
        "if not _copy(archive, name, folder):",
        ("tests/compare/test_hostile_bundles.py", "tests/compare/test_bundle.py"),
    ),
    Fault(
        "a label is read as HTML",
        "gatekit/compare/report/markup.py",
        "autoescape=True",
        "autoescape=False",
        ("tests/compare/report/test_page.py", "-k", "hostile"),
    ),
    Fault(
        "a label can close the script of a report",
        "gatekit/compare/report/markup.py",
        'for sign in "<>&":',
        'for sign in "&":',
        ("tests/compare/report/test_page.py", "-k", "hostile"),
    ),
    Fault(
        "the power of a test is that of a one-sided one",
        "gatekit/compare/stats/power.py",
        "stdtrit(seeds - 1, 1 - ALPHA / comparisons / 2)",
        "stdtrit(seeds - 1, 1 - ALPHA / comparisons)",
        ("tests/compare/test_power.py",),
    ),
    # -- what no test noticed before a seed chose it
    Fault(
        "a memory is multiplied by the row that divides it",
        "gatekit/cell/analysis/chunk/interpret.py",
        "pairs[1] = (1 / pairs[1][0], 1 / pairs[1][1])",
        "pairs[1] = (pairs[1][0], pairs[1][1])",
        ("tests/recurrence/test_chunk.py", "-k", "divided_by_both_sides"),
    ),
    Fault(
        "a configuration that runs commands is trusted though nobody typed that",
        "gatekit/compare/more_seeds.py",
        "extension(study, root, seeds, words, command, trusted)",
        "extension(study, root, seeds, words, command, True)",
        ("tests/cli/test_extend.py", "-k", "trusted"),
    ),
    Fault(
        "ranks that differ are called equal",
        "gatekit/compare/output/table_cells.py",
        'differ = "differ" if ranking.p < 1 - ranking.level',
        'differ = "differ" if ranking.p > 1 - ranking.level',
        ("tests/compare/test_several.py", "-k", "friedman"),
    ),
    Fault(
        "a quartile of a memory is called its median",
        "gatekit/compare/gates/text.py",
        "low, middle, high = (None, None, None)",
        "middle, low, high = (None, None, None)",
        ("tests/compare/test_gates.py", "-k", "quartiles"),
    ),
    Fault(
        "large weights are checked by their size alone",
        "gatekit/runs/state.py",
        "self._result(quick)\n        except NewerError as error:\n            raise",
        "self._result(True)\n        except NewerError as error:\n            raise",
        ("tests/runs/test_folder.py", "-k", "large_weights"),
    ),
    Fault(
        "a fingerprint leaves out a part of the package of a plugin",
        "gatekit/registry/hashes.py",
        "for _ in package[1:]:",
        "for _ in package[2:]:",
        ("tests/registry/test_sources.py", "-k", "deep_in_a_package"),
    ),
    Fault(
        "a group that diverged is marked as better",
        "gatekit/compare/views/groups.py",
        "worse = -diff.metric.sign if diff.direction < 0",
        "worse = -diff.metric.sign if diff.direction > 0",
        ("tests/compare/test_figure_kinds.py", "-k", "worse_side"),
    ),
    Fault(
        "one of two decays of a generated memory has the wrong sign",
        "gatekit/code/all_steps.py",
        'Binary("+", both[0], both[1])',
        'Binary("-", both[0], both[1])',
        ("tests/generated/test_values.py", "-k", "without_any_peer"),
    ),
    Fault(
        "an interrupted plugin stays half registered",
        "gatekit/registry/loading.py",
        "                _forget(known, plugin)\n",
        "",
        ("tests/registry/test_loading.py", "-k", "half_done"),
    ),
    Fault(
        "what was printed is lost where a plugin's thread hangs",
        "gatekit/registry/guard.py",
        "                stream.flush()\n",
        "                pass\n",
        ("tests/registry/test_hostile.py", "-k", "printed_is_kept"),
    ),
    # -- generated code
    Fault(
        "a generated file forgets its state at a masked step",
        "gatekit/code/frames/numpy_and_jax.py",
        '.where({valid}, new, old)"',
        '.where({valid}, new, new)"',
        ("tests/generated/test_values.py", "-k", "test_numpy"),
    ),
    Fault(
        "weights are packed for a generated file in another order",
        "gatekit/code/layout.py",
        "np.asarray(weights[n]) for n in stack.weights]",
        "np.asarray(weights[n]) for n in reversed(stack.weights)]",
        ("tests/generated/test_values.py", "-k", "test_numpy"),
    ),
    Fault(
        "a memory for all steps counts the decay of padding",
        "gatekit/code/runtime/torch.py",
        "        decay = torch.where(valid, decay.clamp(min=-100.0), 0.0)\n    state",
        "        decay = decay.clamp(min=-100.0)\n    state",
        ("tests/generated/test_runtime.py",),
    ),
    # -- the command line
    Fault(
        "status ends with 0 though runs failed",
        "gatekit/cli/sweep/status.py",
        "return 1 if any(run.state in TROUBLES for run in runs) else 0",
        "return 0",
        ("tests/cli/test_status.py",),
    ),
    Fault(
        "plan ends with 0 though a variant is broken",
        "gatekit/cli/sweep/plan.py",
        "return 1 if dry_run.broken or any(trial.error for trial in dry_run.trials) else 0",
        "return 0",
        ("tests/cli/test_plan.py",),
    ),
    Fault(
        "check ends with 0 though a check failed",
        "gatekit/cli/write/check.py",
        "return EXIT_FAILED if failed else 0",
        "return 0",
        ("tests/cli/test_check.py",),
    ),
    # -- Python
    Fault(
        "a script goes on though runs failed",
        "gatekit/api/runs.py",
        "    if code:\n        raise RunError(lines[-1])",
        "    if code > 1:\n        raise RunError(lines[-1])",
        ("tests/cli/test_extend.py", "-k", "python_raises"),
    ),
    Fault(
        "False of Python becomes true",
        "gatekit/api/words.py",
        'True: "true", False: "false"',
        'True: "true", False: "true"',
        ("tests/api/test_python.py", "-k", "keys_become_words"),
    ),
    Fault(
        "a plan counts variants, not runs",
        "gatekit/api/runs.py",
        "sum(trial.todo for trial in self.preview.trials)",
        "sum(trial.todo > 0 for trial in self.preview.trials)",
        ("tests/api/test_python.py", "-k", "plan"),
    ),
    # -- the suite for plugins
    Fault(
        "numbers that differ agree",
        "gatekit/testing/layer_checks.py",
        "if not error <= tolerance:",
        "if not error <= 1.0:",
        ("tests/testing/test_gate_checks.py", "-k", "relative_to_the_largest"),
    ),
    Fault(
        "a wrong gradient is near enough",
        "gatekit/testing/cell_checks.py",
        "<= 1e-5 * (1 + abs(expected)):",
        "<= 1e5 * (1 + abs(expected)):",
        ("tests/testing/test_other_checks.py", "-k", "wrong_gradient_fails"),
    ),
    # -- planning
    Fault(
        "more seeds are started than were asked for",
        "gatekit/study/extend.py",
        "if seed_of(run) < seeds)",
        "if seed_of(run) <= seeds)",
        ("tests/study/test_extend.py", "-k", "part_of_the_plan"),
    ),
    Fault(
        "the larger of two sizes is matched",
        "gatekit/study/matching.py",
        "(abs(pair[1] - target), pair[0]))",
        "(abs(pair[1] - target), -pair[0]))",
        ("tests/study/test_matching.py", "-k", "as_near"),
    ),
    Fault(
        "a search draws its rates linearly",
        "gatekit/study/search/search.py",
        "value = low * (high / low) ** u if self.log else",
        "value = low + u * (high - low) if self.log else",
        ("tests/study/test_search.py", "-k", "bounds_and_spread"),
    ),
    Fault(
        "a fingerprint does not depend on the seed",
        "gatekit/study/variant.py",
        'return {**keys, "seed": seed}',
        'return {**keys, "seed": 0}',
        ("tests/study/test_plan.py", "-k", "seeds"),
    ),
)


def planted(fault: Fault, sound: bool) -> str:
    """Return ``caught``, ``NOT caught``, ``sound``, or what went wrong, and how long it took."""
    began = time.monotonic()
    with copied() as place:
        copy = Path(place, "copy")
        if not sound:
            file = copy / fault.file
            file.write_text(
                file.read_text(encoding="utf-8").replace(fault.old, fault.new), encoding="utf-8"
            )
        code, output = run_tests(copy, fault.tests)
    words = {0: "sound" if sound else "NOT caught", 1: "NOT sound" if sound else "caught"}
    failed = [line for line in output.splitlines() if line.startswith("FAILED ")]
    said = words.get(code, f"pytest ended with {code}")
    if code not in words:
        failed = output.splitlines()[-3:]
    return f"{said} ({time.monotonic() - began:.0f} s) {' '.join(failed)[:150]}"


def wrong(fault: Fault) -> str:
    """Return why a fault cannot be planted, or an empty string."""
    path = ROOT / fault.file
    if not path.is_file():
        return "there is no such file"
    found = path.read_text(encoding="utf-8").count(fault.old)
    return "" if found == 1 else f"its old text is there {found} times, not once"


def main() -> int:
    """Plant the faults that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--only", metavar="NAME", help="faults in whose name or file this is")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--sound", action="store_true", help="plant nothing: the tests must pass")
    asked = parser.parse_args()
    faults = [f for f in FAULTS if asked.only is None or asked.only in f"{f.name} {f.file}"]
    if not faults:
        parser.error(f"--only {asked.only}: no fault has this in its name or file")
    reasons = {f"{fault.name} ({fault.file}): {why}" for fault in faults if (why := wrong(fault))}
    if reasons:
        parser.exit(2, "these faults cannot be planted:\n" + "\n".join(sorted(reasons)) + "\n")
    good = 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        told = pool.map(lambda fault: planted(fault, asked.sound), faults)
        for fault, said in zip(faults, told, strict=True):
            good += said.startswith(("caught", "sound"))
            sys.stdout.write(f"{fault.name}: {said}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{good} of {len(faults)} {'sound' if asked.sound else 'caught'}\n")
    return 0 if good == len(faults) else 1


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    sys.exit(main())
