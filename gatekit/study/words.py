"""The overrides of a command line, checked before Hydra composes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from gatekit.cell.errors import ConfigError, as_typed, excerpt, listed, nearest
from gatekit.faults import Kind, Place, Remove, note_for

from .config import meant_key, one_study, refuse, refuse_no_file, refuse_removal
from .interpolations import refuse_keywords, refuse_resolvers
from .keys import LAUNCH_KEYS, USUAL
from .options import HYDRA_GROUPS, is_hydra_key, known_key
from .typed import GROUPS, KEY, NAME, continues, example_of, instead, is_key

MAX_WORD = 20_000

QUICK = "_quick"
"""The end of the name of an experiment's small version, and of its study."""

TRUST = "or add --trust-config"
_BRACES = re.compile(r"[A-Za-z_]\w*:[^\s/].*", re.ASCII)


def overrides(typed: Sequence[str], trusted: bool = False) -> list[str]:
    """Return the overrides of a command line as Hydra needs them.

    Args:
        typed: the words as typed, without options.
        trusted: whether they may set keys that are otherwise refused.

    Raises:
        ConfigError: a word is not an override, or sets a key that is refused.
    """
    _refuse_split(typed)
    refuse_apart(typed)
    typed = _with_quick(typed)
    _refuse_names(typed)
    _refuse_replaced(typed)
    _refuse_both(typed)
    _refuse_swept(typed)
    return [prefixed(word, trusted) for word in _with_kinds(typed)]


def plugin_files(words: Sequence[str]) -> list[str]:
    """Return the plugin files that overrides name; composing already needs them."""
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "plugins":
            return [v.strip(" '\"[]") for v in value.strip().strip("[]").split(",") if v.strip()]
    return []


def prefixed(word: str, trusted: bool = False) -> str:
    """Return an override as Hydra needs it.

    Hydra refuses keys that no YAML file has, such as a gate's option that has its default. With
    ``++`` Hydra accepts them, and `gatekit.study.config` checks the composed result.

    Args:
        word: an override as typed.
        trusted: whether it may set a key that is otherwise refused.

    Raises:
        ConfigError: the word is not an override, or sets a key that is refused.
    """
    key, equals, value = word.partition("=")
    name = key.lstrip("+~")
    if not equals and not word.startswith("~"):
        if word.endswith((".yaml", ".yml")):
            raise ConfigError(
                f"{word!r} is not KEY=VALUE; type experiment=NAME for the file "
                "conf/experiment/NAME.yaml, and cell=NAME for conf/cell/NAME.yaml."
            )
        if word.startswith(("{", "[")) or " " in word:
            raise ConfigError(f"{word!r} is not KEY=VALUE; type for example units=64 or cell=lstm.")
        raise ConfigError(f"{word!r} is not KEY=VALUE; {instead(word)}")
    if several := re.fullmatch(r"([^\s'\"]+=[^\s'\"]+)((?: +[A-Za-z_][\w.]*=[^\s'\"]+)+)", word):
        raise ConfigError(
            f"{word!r} is one word for your shell; remove the quotes around it: type "
            f"{several[1]}{several[2]}"
        )
    within = re.search(r",([A-Za-z_][\w.]*)=(?=[^,=])", value)
    if within and not set(value[: within.start()]) & set("[{('\""):
        rest = value[within.start() + 1 :]
        # After the name of a gate or a task, eps=0.1 is one of its options.
        owned = "." not in within[1] and not is_key(within[1])
        owner = f"{name}." if owned and (name in GROUPS or name.startswith("swap.")) else ""
        typed = f"{word[: len(key) + 1 + within.start()]} {owner}{rest}"
        raise ConfigError(
            f"{word} has two keys in one word; put a space between them: type {typed}"
        )
    if name.startswith("hydra.launcher."):
        known_key(name.removeprefix("hydra.launcher.").partition(".")[0], value)
    if word.startswith("~"):
        refuse_removal(name)
    if not trusted:
        _refuse_key(key, name, value or "VALUE")
    if not trusted or name in GROUPS:
        _refuse_value(name, word, trusted)
    if name.startswith("hydra"):
        # A mapping that is empty by default accepts new keys only with ++.
        return f"++{word}" if word.startswith("hydra.launcher.") else word
    if word.startswith("~"):
        return word
    if name in GROUPS:
        # A group is already in the defaults, so + is dropped: the word chooses a file.
        return re.sub(r"\.ya?ml(?=,|$)", "", f"{name}={value}")
    return word if word.startswith("+") or "/" in name or "@" in name else f"++{word}"


def refuse_apart(typed: Sequence[str], sweeps: bool = True) -> None:
    """Refuse a key and its value that are not one word with ``=`` between them.

    Args:
        typed: the words as typed.
        sweeps: whether the command takes several values of a key.
    """
    joined: list[str] = []
    whys: list[str] = []
    for word in typed:
        if word[-1:] == "=" and word == typed[-1] and word.startswith(("swap.", *GROUPS)):
            raise ConfigError(f"{word} needs a value; type {word}{example_of(word[:-1])}")
        last = joined[-1] if joined else ""
        colon = re.fullmatch(rf"({KEY.pattern}) *(?::=?|==|=>) *(.+)", word)
        if last.endswith("=") and "=" in word:
            raise ConfigError(f"{last} needs a value; type {last}{example_of(last[:-1])}")
        if last.endswith(",") and "=" in word:
            joined[-1] = last.rstrip(",")
            joined.append(word)
            whys.append(f"there is a comma after {joined[-2]}; remove it")
        elif sweeps and continues(last, word):
            joined[-1] += f",{word}"
            whys.append(f"separate the values of {last.partition('=')[0]} by commas")
        elif last.endswith(("=", ",")) or (last and word.startswith(("=", ","))):
            joined[-1] += word
            whys.append(
                f"there is a space next to {'=' if '=' in (last[-1], word[0]) else ','}; remove it"
            )
        elif "=" not in word and not last.startswith("~") and is_key(last):
            joined[-1] += f"={word}"
            whys.append(f"there is no = between {last} and its value")
        else:
            if colon and is_key(colon[1]):
                whys.append(f"in {word} there should be = after the key")
                word = f"{colon[1]}={colon[2]}"
            joined.append(word)
    if whys and all("=" in word for word in joined):
        sweep = "-m " if any("," in w and not set(w) & set("[{('\"") for w in joined) else ""
        raise ConfigError(f"{whys[0]}: type {sweep}{shlex.join(joined)}")


def _refuse_names(typed: Sequence[str]) -> None:
    """Refuse names of cells and tasks without their key."""
    bare = [word for word in typed if word.isidentifier()]
    if not bare:
        return
    from gatekit.registry import cell_names, tasks

    keys = {name.lower(): f"task={name}" for name in tasks()}
    keys |= {name.lower(): f"cell={name}" for name in cell_names()}
    words = [keys.get(word.lower(), word) if word in bare else word for word in typed]
    names = [word.partition("=")[0] for word in words]
    # With two cells, the key ``cell`` would be given twice.
    if all(word.lower() in keys for word in bare) and len({*names}) == len(names):
        raise ConfigError(f"{bare[0]!r} is not KEY=VALUE; type {shlex.join(words)}")


def _refuse_split(typed: Sequence[str]) -> None:
    """Refuse a mapping or list that the shell has split, and show how to quote it."""
    for index, word in enumerate(typed):
        joined = word
        for further in typed[index + 1 :] if _open(word) else ():
            joined += f" {further}"
            if not _open(joined):
                raise ConfigError(
                    f"your shell has split {joined} at its spaces; quote it: type "
                    f"{shlex.quote(joined)}"
                )
    values: dict[str, list[str]] = {}
    for word in typed:
        key, _, value = word.partition("=")
        if _BRACES.fullmatch(value):
            values.setdefault(key, []).append(value)
    for key, several in values.items():
        if len(several) > 1:
            whole = f"{key}={{{', '.join(v.replace(':', ': ', 1) for v in several)}}}"
            raise ConfigError(
                f"{key} is given {len(several)} times, as if your shell had split a value in "
                f"braces; quote it: type {shlex.quote(whole)}"
            )


def _refuse_replaced(typed: Sequence[str]) -> None:
    """Refuse options of a swapped gate that the name of the gate, typed later, would replace."""
    for index, word in enumerate(typed):
        gate = re.fullmatch(r"\+*(swap\.\w+)=(.*)", word)
        lost = [w for w in typed[:index] if gate and w.lstrip("+").startswith(f"{gate[1]}.")]
        if gate and lost:
            raise ConfigError(
                f"{word} replaces {' '.join(lost)}, which is before it; type "
                f"{gate[1]}.kind={gate[2]} {' '.join(lost)}."
            )


def _refuse_both(typed: Sequence[str]) -> None:
    """Refuse a cell next to ``mixers``, and ``task.name`` or ``block.kind`` as a choice."""
    keys = {key.lstrip("+~"): value for key, _, value in (w.partition("=") for w in typed)}
    lost = [w for w in typed if re.match(r"[+~]*cell[.=]", w)]
    if lost and "null" not in keys.get("mixers", "null"):
        raise ConfigError(
            f"mixers={keys['mixers']} names the cell of each layer, so {lost[0]} would have no "
            "effect; remove one of them."
        )
    if name := keys.get("task.name"):
        raise ConfigError(f"task.name={name}: to choose a task, type task={name}.")
    if kind := keys.get("block.kind"):
        raise ConfigError(f"block.kind={kind}: to choose a block, type block={kind}.")


def _refuse_swept(typed: Sequence[str]) -> None:
    """Refuse several values of a key that decides where and how all runs are executed."""
    for word in typed:
        key, _, value = word.lstrip("+").partition("=")
        named = any(w.lstrip("+").startswith("study=") for w in typed)
        if key == "experiment" and "," in value and value[:1] != "[" and not named:
            raise one_study(value.split(","))
        if key not in LAUNCH_KEYS or "," not in value or set(value) & set("[{('\""):
            continue
        if key == "seeds":
            raise ConfigError(
                f"{word}: seeds is the number of seeds, and cannot be swept. Type -m seed={value} "
                "for these seeds, or seeds=3 for the seeds 0, 1, 2."
            )
        if key == "track":
            raise ConfigError(f"{word}: write a list in brackets; type 'track=[{value}]'.")
        raise ConfigError(
            f"{word}: one command runs one study, and {key} cannot be swept; type "
            f"{key}={value.partition(',')[0]}."
        )


def _with_quick(typed: Sequence[str]) -> list[str]:
    """Return the words with ``experiment=NAME quick=true`` as the small version of NAME."""
    asked = [word.partition("=")[2] for word in typed if re.match(r"\+*quick=", word)]
    words = [word for word in typed if not re.match(r"\+*quick=", word)]
    if not asked:
        return words
    if asked[-1].lower() not in ("true", "false"):
        raise ConfigError(f"quick={asked[-1]}: true or false is expected; type quick=true.")
    if asked[-1].lower() == "false":
        return words
    named = [word for word in words if re.fullmatch(r"\+*experiment=[\w-]+", word)]
    if len(named) != 1:
        raise ConfigError(
            "quick=true runs the small version of one experiment; type experiment=NAME quick=true."
        )
    return [f"{word}{QUICK}" if word in named else word for word in words]


def _with_kinds(typed: Sequence[str]) -> list[str]:
    """Return the words with ``swap.ROLE=GATE`` as ``swap.ROLE.kind=GATE`` if options follow."""
    words = []
    for index, word in enumerate(typed):
        gate = re.fullmatch(r"(\+*swap\.\w+)=([\w,]+)", word)
        options = f"{gate[1].lstrip('+')}." if gate and "null" not in gate[2] else "="
        follow = any(later.lstrip("+").startswith(options) for later in typed[index + 1 :])
        words.append(f"{gate[1]}.kind={gate[2]}" if gate and follow else word)
    return words


def _open(text: str) -> bool:
    """Return whether a bracket of a value is open."""
    value = text.partition("=")[2]
    return any(value.count(left) > value.count(right) for left, right in ("{}", "[]"))


def _refuse_key(key: str, name: str, value: str) -> None:
    if key[: -len(name) or None] not in ("", "+", "++", "~"):
        raise ConfigError(f"{key!r} is not a key; type {name}=VALUE.")
    if name.startswith("hydra"):
        if key.startswith("~") or not is_hydra_key(name):
            node = ".".join(name.replace("/", ".").split(".")[:2])
            why = "it has no effect in gatekit"
            if note := note_for("hydra", node):
                why += f", but {note}"
            refuse(Kind.REFUSED, name, Remove(Place.of(name)), why=why)
        return
    if "/" in name and (group := name.partition("/")[0]) not in GROUPS:
        raise ConfigError(
            f"{name} is not a group of configurations{nearest(group, GROUPS) or '.'} "
            f"Groups: {listed(GROUPS)}."
        )
    if "@" in name:
        raise ConfigError(
            f"{name}: @ puts a configuration under another key; type {name.partition('@')[0]}=NAME "
            f"{TRUST}."
        )
    if not KEY.fullmatch(name) and KEY.fullmatch(name.replace("-", "_")):
        typed = name.replace("-", "_")
        raise ConfigError(
            f"{key!r} is not a key, because keys have no dashes; type {meant_key(typed)}={value}."
        )
    if not KEY.fullmatch(name):
        such = "swap.forget=GATE" if name.startswith("swap") else "units=64 or task.length=9"
        raise ConfigError(f"{key!r} is not a key; type for example {such}.")


def _refuse_value(name: str, word: str, trusted: bool) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    if len(word) > MAX_WORD:
        raise ConfigError(
            f"{name}=... has {len(word):,} characters; a value has at most {MAX_WORD:,}."
        )
    try:
        value = OverridesParser.create().parse_override(word).value()
    except (HydraException, ValueError):
        return  # Hydra reports it with the command line.
    except RecursionError:
        raise ConfigError(f"{name}=... is nested too deeply.") from None
    for element in _elements(value):
        if name in (*GROUPS, *HYDRA_GROUPS):
            _refuse_choice(name, element)
        elif not trusted:
            refuse_resolvers(element, name)
            refuse_keywords(element, f"{name}.")


def _elements(value: object) -> Iterator[Any]:
    from hydra.core.override_parser.types import ChoiceSweep, Glob, QuotedString, Sweep

    if isinstance(value, ChoiceSweep):
        for inner in value.list:
            yield from _elements(inner)
    elif isinstance(value, QuotedString):
        yield value.text
    elif isinstance(value, list):
        yield [element for inner in value for element in _elements(inner)]
    elif isinstance(value, dict):
        yield {key: next(_elements(inner), None) for key, inner in value.items()}
    elif not isinstance(value, (Sweep, Glob)):
        yield value


def _refuse_choice(group: str, value: object) -> None:
    chosen = value if isinstance(value, list) else [value]
    if isinstance(value, list) and group != "experiment":
        names = ",".join(str(v) for v in value)
        raise ConfigError(
            f"{group}=[{names}] would merge these files into one; to run each of them, type "
            f"-m {group}={names}"
        )
    if None in chosen and group in USUAL:
        refuse_no_file(group)
    if all(v is None or (isinstance(v, str) and NAME.fullmatch(v)) for v in chosen):
        return
    example = f" {group}.NAME=VALUE changes one of its keys." if group != "experiment" else ""
    if isinstance(value, dict):
        name = value.get("name", value.get("kind"))
        words = [
            f"{group}.{k}={as_typed(v)}" for k, v in value.items() if k not in ("name", "kind")
        ]
        example = f" Type {shlex.join([*([f'{group}={name}'] if name else []), *words])}"
    came = excerpt(as_typed(value))
    if isinstance(value, str) and len(value) > 200 and NAME.fullmatch(value[:200]):
        raise ConfigError(f"{group}={came} is too long for a file name; type a shorter one")
    if isinstance(value, str) and value.endswith((".yaml", ".yml")):
        stem = value.rpartition("/")[2].rpartition(".")[0]
        example = f" Type {group}={stem} for the file conf/{group}/{stem}.yaml."
    elif isinstance(value, str) and len(several := re.findall(r"[\w.-]+", value)) > 1:
        example = f" To run each of them, type -m {group}={','.join(several)}."
    raise ConfigError(f"{group}={came}: the name of a file in conf/{group} is expected.{example}")
