"""Equations as papers and other libraries spell them: tokens and functions, replaced by ours."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence

from gatekit.faults.names import nearest_name, note_for, synonyms

_SIGNS = {
    **dict.fromkeys("\u00b7\u00d7\u22c5\u2217\u2299\u2218\u2022", "*"),
    **dict.fromkeys("\u2212\u2013\u2014", "-"),
    **dict.fromkeys("\u00f7\u2215", "/"),
    **dict.fromkeys("\u2080\u2081\u2032\u2019", "_prev"),
    "\u03c3": "sigmoid",
    "\u00b2": "**2",
    "\u00b3": "**3",
    "\u221a": "sqrt",
    "\u2202": "d",
}
"""Signs of printed equations, each with its ASCII spelling."""
LIBRARIES = "np|numpy|tf|tensorflow|torch|jnp|jax|keras|math|nn|K|F|ops|self"
KEYWORD = re.compile(
    rf"(?:^|(?<=[-+*/(,]))\s*\b({'|'.join(keyword.kwlist)})\b(?=\s*(?:$|[-+*/),]))"
)
"""A keyword of Python where a name should be."""
NO_OPERATOR = re.compile(
    r"(?<![\w.])\d+(?:\.\d+)?(?=[A-DF-Za-df-z_(])|(?<=[\w)])\s+(?=[\w(])|\)(?=[\w(])"
)
"""The end of a number, name or bracket that another one follows."""
_LETTER = re.compile(r"\b[abc]\b")
"""An argument in the equation of a function of another library."""
_WHOLE = re.compile(r"[\w.]+|\w+\([^()]*\)")
"""A part of an equation that needs no brackets."""
_TOKENS = (
    (r"(\w+)(?: *[*@] *| +)(\w+)(?:\.T\b|\^(?:T\b|\{T\}|\\top\b|\{\\top\}))", r"outer(\1, \2)"),
    (r"\\(?:odot|cdot|times|circ)\b", " * "),
    (r"\\(?:(?:mathrm|operatorname|text)\{(\w+)\}|([a-z]+))", r"\1\2"),
    (r"_\{?t *- *1\}?|(?<=\w)(?:_prev)?[\[(] *[tT] *- *1 *[\])]", "_prev"),
    (r"_\{t\}|\[[tT]\]|(?<=\w)\((?:t|t *- *0)\)", ""),
    (r"\{", "("),
    (r"\}", ")"),
    (r"\^", "**"),
    (rf"\b(?:{LIBRARIES})\.(?:\w+\.)*(?=\w+\()", ""),
    (r"^ *\w+ *=(?!=)", ""),
    (r"\*\s+\*", "**"),
    (r"[-+*/,;]+\s*$", ""),
)


def in_ascii(character: str) -> str:
    """Return the ASCII spelling of a character: ``*`` for a dot, ``alpha`` for the Greek letter."""
    if character in _SIGNS:
        return _SIGNS[character]
    greek = re.fullmatch(r"GREEK \w+ LETTER (?:FINAL )?(\w+)", unicodedata.name(character, ""))
    if greek:
        return greek[1].lower()
    return " " if character.isspace() else unicodedata.normalize("NFKC", character)


def respelled(text: str, functions: Collection[str]) -> str:
    """Return an equation with tokens and functions of other notations replaced.

    Args:
        text: the equation; it need not become a valid one.
        functions: the names of the functions of the language.
    """
    text = "".join(c if " " <= c <= "~" else in_ascii(c) for c in text)
    for pattern, ours in _TOKENS:
        text = re.sub(pattern, ours, text)
    text = _as_calls(text.strip())
    text = KEYWORD.sub(lambda match: f"{match[0]}_", text)
    text = re.sub(rf"\b({'|'.join(functions)})\s+([A-Za-z_]\w*)", r"\1(\2)", text)
    text = NO_OPERATOR.sub(lambda match: f"{match[0].strip()} * ", text).strip()
    text += ")" * (text.count("(") - text.count(")"))
    for _ in range(8):
        try:
            tree = ast.parse(text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return text
        calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id not in functions:
                break
        else:
            return text
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        arguments = [ast.get_source_segment(text, each) or "" for each in values]
        equation = in_our_functions(call.func.id, arguments, functions)
        if not equation:
            return text
        inside = (call.col_offset, call.end_col_offset) != (0, len(text))
        bare = re.fullmatch(r"\w+\(.*\)|\w+", equation) or not inside
        start, end = text[: call.col_offset], text[call.end_col_offset :]
        text = f"{start}{equation if bare else f'({equation})'}{end}"
    return text


def _as_calls(text: str) -> str:
    """Return an equation with ``a if x > y else b``, ``where(x > y, ...)``, ``a ** b`` as ours."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            if isinstance(getattr(node.right, "operand", node.right), ast.Constant):
                continue
            exponent = ast.unparse(node.right)
            exponent = exponent if _WHOLE.fullmatch(exponent) else f"({exponent})"
            call = f"exp({exponent} * log({ast.unparse(node.left)}))"
            return _as_calls(f"{text[: node.col_offset]}{call}{text[node.end_col_offset :]}")
        if isinstance(node, ast.IfExp):
            test, values = node.test, [node.body, node.orelse]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "where" and node.args:
            test, values = node.args[0], node.args[1:]
        else:
            continue
        if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], (ast.Gt, ast.Lt)):
            continue
        if len(test.ops) == 1:
            more, less = map(ast.unparse, (test.left, *test.comparators))
            if isinstance(test.ops[0], ast.Lt):
                more, less = less, more
            less = less if _WHOLE.fullmatch(less) else f"({less})"
            condition = more if less == "0" else f"{more} - {less}"
            call = f"where({', '.join([condition, *map(ast.unparse, values)])})"
            return _as_calls(f"{text[: node.col_offset]}{call}{text[node.end_col_offset :]}")
    return text


def in_our_functions(name: str, arguments: Sequence[str], functions: Collection[str]) -> str:
    """Return a call of another library's function in ours; empty if there is none.

    Args:
        name: the function, as in ``[function]`` of the synonyms.
        arguments: the arguments of the call, as they are written.
        functions: the names of the functions of the language.
    """
    templates = synonyms("function").get(name)
    if templates is None:
        near = "" if note_for("function", name) else nearest_name(name, functions)
        return f"{near}({', '.join(arguments)})" if near else ""
    letters = dict(zip("abcdefgh", arguments, strict=False))
    fitting = (each for each in templates if {*_LETTER.findall(each)} == {*letters})
    template = next(fitting, "")

    def argument(match: re.Match[str]) -> str:
        text = letters[match[0]]
        return text if _WHOLE.fullmatch(text) or template[match.start() - 1] == "(" else f"({text})"

    return _LETTER.sub(argument, template)
