"""Source lines of a plugin for messages: where a name is defined, and a line rewritten with ops."""

from __future__ import annotations

import ast
import contextlib
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import excerpt, shown
from .language.foreign import FUNCTIONS as WRITTEN
from .language.foreign import LIBRARIES, rewrite
from .language.ops import FUNCTIONS
from .language.repair import minus


def attribute_place(cls: type, name: str) -> str:
    """Return file, line and text where a class defines an attribute; empty if there is no source.

    Args:
        cls: the class; its base classes are searched, too.
        name: the attribute or method.
    """
    for owner in cls.__mro__:
        if name in vars(owner) or name in vars(owner).get("__annotations__", {}):
            with contextlib.suppress(OSError, TypeError, SyntaxError):
                lines, first = inspect.getsourcelines(owner)
                body = ast.parse(textwrap.dedent("".join(lines))).body[0]
                number = line_in_class(body, [name])
                if number is not None:
                    return _line(inspect.getsourcefile(owner) or "", first + number - 1)
            return ""
    return ""


def line_in_class(node: ast.AST, searched: Sequence[str]) -> int | None:
    """Return the line of the first statement of a class that defines one of some names.

    Args:
        node: the class.
        searched: the names.
    """
    for statement in getattr(node, "body", ()):
        targets = getattr(statement, "targets", [getattr(statement, "target", statement)])
        names = [getattr(target, "id", getattr(target, "name", "")) for target in targets]
        if {*searched} & {*names}:
            return int(statement.lineno)
    return None


def line_matching(cls: type, pattern: str) -> str:
    """Return file, line and text of the first line of a class that a pattern matches, or ``""``."""
    with contextlib.suppress(OSError, TypeError):
        lines, first = inspect.getsourcelines(cls)
        for number, line in enumerate(lines, first):
            if re.search(pattern, line.partition("#")[0]):
                return _line(inspect.getsourcefile(cls) or "", number)
    return ""


def returned_place(function: Callable[..., Any]) -> str:
    """Return file, line and text of a function's last ``return``; without one, its first line.

    Args:
        function: a method of a plugin.
    """
    code = inspect.unwrap(function).__code__
    number = code.co_firstlineno
    with contextlib.suppress(OSError, TypeError, SyntaxError):
        lines, first = inspect.getsourcelines(inspect.unwrap(function))
        tree = ast.parse(textwrap.dedent("".join(lines)))
        returns = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value]
        number = first + max(returns) - 1 if returns else number
    return _line(code.co_filename, number)


def _line(file: str, number: int) -> str:
    text = excerpt(linecache.getline(str(Path(file)), number).strip().rstrip(":"))
    return f"{shown(file)}, line {number}" + (f": {text}" if text else "")


_OVER_UNITS = ["sum", "mean", "var", "softmax", "cumsum", "cumax"]
_SAME = {
    **dict.fromkeys(["abs", "absolute", "fabs"], "abs"),
    **dict.fromkeys(["sigmoid", "expit", "logistic"], "sigmoid"),
    **dict.fromkeys(["silu", "swish"], "silu"),
    **dict.fromkeys(["sum", "reduce_sum", "nansum"], "sum"),
    **dict.fromkeys(["mean", "reduce_mean", "average"], "mean"),
    **dict.fromkeys(["var", "variance", "reduce_variance"], "var"),
    **dict.fromkeys(["maximum", "max", "fmax"], "maximum"),
    **dict.fromkeys(["minimum", "min", "fmin"], "minimum"),
    **dict.fromkeys(["where", "select"], "where"),
    **dict.fromkeys(["logsigmoid", "log_sigmoid"], "log_sigmoid"),
    **dict.fromkeys(["hardsigmoid", "hard_sigmoid"], "hard_sigmoid"),
    **dict.fromkeys(["clip", "clamp", "clip_by_value"], "clip"),
    **dict.fromkeys(["dot", "inner", "vecdot"], "dot"),
}
"""Other libraries' names for functions of ops, in addition to the names in ops."""
_REMOVED = (
    "numpy item float double half bfloat16 astype cast type to cpu cuda clone copy tolist "
    "contiguous asarray array as_tensor tensor Tensor constant convert_to_tensor identity"
)
"""Functions and methods that can be removed without changing the result of a line."""
_LOW = ("min", "a_min", "min_value", "clip_value_min", "x_min")
_HIGH = ("max", "a_max", "max_value", "clip_value_max", "x_max")
_NOTES = {
    "ask for the size by name: def activate(self, pre, units)": "shape size ndim dim len get_shape",
    "learned matrices are reads of the gate: reads = ('x', 'h_prev')": (
        "@ matmul mm bmm einsum tensordot linear dense Linear Dense conv1d Conv1D"
    ),
    "remove it: all signals have the run's precision and device": "dtype device",
    "a signal is batch x units and keeps this shape; ops.split(x, n) cuts its units into n rows": (
        "T mT transpose view reshape permute flatten unsqueeze squeeze expand_dims expand tile"
        " stack cat concat concatenate chunk split gather index_select repeat swapaxes ravel"
    ),
    "over units there are " + ", ".join(f"ops.{name}" for name in _OVER_UNITS): (
        "max min argmax argmin topk prod norm any all sort argsort median amax amin reduce_max"
        " reduce_min cumprod logsumexp"
    ),
    "gates draw no random numbers; dropout=0.1 is a key of the run": (
        "dropout Dropout rand randn random normal uniform bernoulli rand_like randn_like"
    ),
    "normalisation is an option of the gate: swap.ROLE={kind: NAME, norm: {of: sum}}": (
        "layer_norm LayerNormalization LayerNorm batch_norm BatchNormalization normalize"
    ),
    "rounding is not supported: its gradient is 0": "round floor ceil trunc % mod fmod remainder",
}
"""What to do instead of calling functions of other libraries that have no counterpart in ops."""
_NOTE = {name: note for note, names in _NOTES.items() for name in names.split()}
_WRITTEN = {
    name
    for name, template in WRITTEN.items()
    if re.search(r"\ba\b", template) and not {name} & {*_SAME, *_NOTE, *_REMOVED.split()}
}
"""Functions of other libraries that become formulas, unless a table above has them."""


class _NoWayError(Exception):
    """A part of a line cannot be written with ops; the message is the name of that part."""


def with_ops(line: str) -> tuple[str, str]:
    """Return the author's line written with gatekit.ops, or a note on what to do instead.

    Args:
        line: the text of the line, such as ``return pre.clamp(0, 1)``.

    Returns:
        The new line and the note; each may be empty.
    """
    try:
        # The last statement of a line such as `import tensorflow as tf; return tf.tanh(pre)`.
        before = ast.parse(line.strip()).body[-1]
        after = _Rewriter().visit(ast.parse(line.strip()).body[-1])
    except _NoWayError as error:
        return "", _NOTE.get(str(error), "")
    except (SyntaxError, ValueError, IndexError):
        return "", next((_NOTE[name] for name in _words(line) if name in _NOTE), "")
    rewritten = ast.unparse(ast.fix_missing_locations(after))
    return (rewritten, "") if rewritten != ast.unparse(before) else ("", "")


def _words(line: str) -> Iterator[str]:
    """Yield the names of attributes and functions in a line."""
    for part in line.replace("(", " ( ").replace(".", " ").split():
        yield part.strip(",:)]")


def _is_of_rows(argument: ast.expr, axis: ast.expr) -> bool:
    """Return whether an axis is that of a matrix's rows; axis 1 of a history is that of its steps,
    after the batch."""
    text = ast.unparse(axis)
    return text == "-2" or (text == "1" and ast.unparse(argument).endswith("_history"))


class _Rewriter(ast.NodeTransformer):
    """Rewrites calls, methods, comparisons and branches with ops."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if node.args and _SAME.get(_called(node)[0]) == "where":
            node.args[0] = _positive(node.args[0])
        self.generic_visit(node)
        name, given, method = _called(node)
        if not name:
            return node
        keywords = {str(k.arg): k.value for k in node.keywords}
        if name in _REMOVED.split() and given:
            return given[0]
        if _SAME.get(name) == "clip":
            given += [keywords[k] for k in (*_LOW, *_HIGH) if k in keywords and len(given) < 3]
            if len(given) == 2:
                of = "minimum" if any(k in keywords for k in _HIGH) else "maximum"
                return _ops(of, given)
        if name in _WRITTEN and given:
            with contextlib.suppress(ValueError):
                return rewrite(name, given, "ops")
        function = FUNCTIONS.get(_SAME.get(name, name))
        if function is None:
            raise _NoWayError(name)
        if function.kind == "units" and function.arity == 1:
            axes = [keywords[key] for key in ("axis", "dim") if key in keywords] + given[1:]
            given = given[:1]  # drop the axis: the function is over the units
            if axes and given and _is_of_rows(given[0], axes[0]):
                rows = _ops(function.name, given)
                rows.keywords.append(ast.keyword("axis", ast.Constant(-2)))
                return rows
        reduces = method and _SAME.get(name) in ("maximum", "minimum")
        axis = len(given) > 1 and isinstance(given[1], ast.Constant | ast.UnaryOp)
        if len(given) != function.arity or (reduces and axis):
            raise _NoWayError(name)
        return _ops(function.name, given)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        root = _root(node)
        if root not in ("self", "ops", *LIBRARIES) and node.attr in _NOTE:
            raise _NoWayError(node.attr)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if not isinstance(node.test, ast.Compare):
            raise _NoWayError("if")
        node.test = _positive(node.test)
        self.generic_visit(node)
        return _ops("where", [node.test, node.body, node.orelse])

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        positive = _positive(node)
        self.generic_visit(positive)
        one, zero = ast.Constant(1), ast.Constant(0)
        return _ops("where", [positive, one, zero]) if positive is not node else node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        raise _NoWayError("for")

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.MatMult):
            raise _NoWayError("@")
        if isinstance(node.op, ast.Mod):
            raise _NoWayError("%")
        return self.generic_visit(node)


def _called(node: ast.Call) -> tuple[str, list[ast.expr], bool]:
    """Return the name of a called function, its arguments, and whether it is a signal's method."""
    given, function = list(node.args), node.func
    if isinstance(function, ast.Name):
        known = function.id in FUNCTIONS or function.id in _SAME or function.id in _WRITTEN
        return (function.id if known or function.id in ("float", "round") else ""), given, False
    if not isinstance(function, ast.Attribute) or _root(function) in ("self", "parts"):
        return "", given, False
    # Methods of torch that end in _ change their tensor in place.
    name = function.attr.rstrip("_") or function.attr
    if _root(function) in ("ops", *LIBRARIES):
        return name, given, False
    return name, [function.value, *given], True


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _ops(name: str, given: Sequence[ast.expr]) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name("ops"), name), list(given), [])


def _positive(test: ast.expr) -> ast.expr:
    """Return an expression that is greater than 0 if a comparison holds."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return test
    left, right = test.left, test.comparators[0]
    if isinstance(test.ops[0], ast.Lt | ast.LtE):
        left, right = right, left
    elif not isinstance(test.ops[0], ast.Gt | ast.GtE):
        raise _NoWayError("if")
    return minus(left, right)
