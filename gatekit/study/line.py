"""The overrides of a command line, read before Hydra composes them: a mistake is a fault."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from gatekit.cell.errors import ConfigError, all_read
from gatekit.faults import (
    Both,
    Fault,
    Fix,
    Flag,
    Kind,
    Note,
    Number,
    Place,
    Remove,
    Rename,
    Set,
    Several,
    fits,
    known_as,
    nearest_name,
    note_for,
)
from gatekit.faults.values import amount_of, excerpt
from gatekit.runs.names import study_name

from .config import meant_key, one_study, refuse, refuse_no_file, refuse_removal, wrong_value
from .interpolations import refuse_keywords, refuse_resolvers
from .keys import (
    DECLARED,
    DEFAULTS,
    GROUPS,
    KEY,
    LAUNCH_KEYS,
    NAME,
    OPTIMIZERS,
    RUN_KEYS,
    USUAL,
    example,
)
from .options import HYDRA_GROUPS, OF_SLURM, is_hydra_key, known_key

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

P = Place.of
MAX_WORD = 20_000

QUICK = "_quick"
"""The end of the name of an experiment's small version, and of its study."""

OF_HYDRA = ("basic", "joblib", "ray", "ray_aws", "rq", "submitit_local", "submitit_slurm")
"""Launchers of Hydra and of its plugins."""
_BRACES = re.compile(r"[A-Za-z_]\w*:[^\s/].*", re.ASCII)
_APART = re.compile(rf"({KEY.pattern}) *(?::=?|==|=>) *(.+)", re.ASCII)
_PAIR = re.compile(r"[A-Za-z_][\w.]*=[^\s'\"]+", re.ASCII)
_END = r" *(-?\d{1,9}\.?\d{0,9}(?:e-?\d{1,2})?) *"
_SPACED = re.compile(rf"(?:np\.)?(log|lin|geom)space\({_END},{_END}, *(\d{{1,9}}) *\)")
_DISTRIBUTION = re.compile(r"(log_?)?(?:uniform|int|float)\(([^,()]+),([^,()]+)\)", re.IGNORECASE)
_FORMULA = re.compile(
    r"[^({]*\([^=:]*(?:\bpre\b|[-+*/])[^=:]*|[^={]*[-+*/][^={]*|\{?activation:[^{]*"
)
"""The formula of a gate, where its name and options are expected."""
_SECOND = re.compile(r",([A-Za-z_][\w.]*)=(?=[^,=])")


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
    _refuse_replaced(typed)
    _refuse_both(typed)
    _refuse_swept(typed)
    return all_read(partial(prefixed, word, trusted) for word in _with_kinds(typed))


def plugin_files(words: Sequence[str]) -> list[str]:
    """Return the plugin files that overrides name; composing already needs them."""
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "plugins":
            return [v.strip(" '\"[]") for v in value.strip().strip("[]").split(",") if v.strip()]
    return []


def parsed(word: str) -> Override | None:
    """Return a word as Hydra reads it; None if it cannot."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        read = OverridesParser.create().parse_override(word)
        read.value()
    except (HydraException, ValueError, RecursionError):
        return None
    return read


def value_of(text: str) -> Any:
    """Return a value in Hydra's grammar as plain data; what cannot be read is a string.

    Several values are `Several`; a glob or an interval is a string.
    """
    from hydra.core.override_parser.types import ChoiceSweep, RangeSweep

    read = parsed(f"key={text}")
    if read is None:
        return text
    value = read.value()
    if isinstance(value, ChoiceSweep):
        return Several(tuple(next(_elements(one), text) for one in value.list))
    if isinstance(value, RangeSweep) and not value.shuffle:
        ends = [end for end in (value.start, value.stop, value.step) if isinstance(end, int)]
        if len(ends) == 3 and value.step:
            return Several(range(*ends))
    return next(_elements(value), text)


def meant_by(option: str, near: bool = False) -> str:
    """Return the key that is meant by an option such as ``--lr``, or an empty string.

    Args:
        option: as typed.
        near: whether a key that is spelled nearly so is meant, too.
    """
    name = option.lstrip("-").replace("-", "_")
    known = {**RUN_KEYS, **LAUNCH_KEYS, "experiment": None}
    if name.startswith("no_") and isinstance(known.get(name[3:]), Flag):
        return name[3:]
    group, dot, last = name.partition(".")
    if name in known or (dot and last and (group in known or group == "hydra")):
        return name
    meant = meant_key(name)
    exact = near or meant.rpartition(".")[2] == name or known_as("key", name)
    return meant if exact and meant in (*DECLARED, "experiment") else ""


def value_as_option(key: str, option: str, value: str | None) -> Any:
    """Return the value that a key has if it is typed as an option."""
    if option.lstrip("-").startswith("no-"):
        return False
    if value is not None:
        return value.rpartition("/")[2].removesuffix(".yaml") if key == "experiment" else value
    return example_of(key)


def example_of(key: str) -> Any:
    """Return an example value of a key, for messages."""
    value = {**USUAL, "block": "modern"}.get(key) or example(key)
    if key.startswith("swap"):
        return "power_law"
    return True if value is False else value if value not in (None, {}) else "VALUE"


def is_key(word: str) -> bool:
    """Return whether a word is a key, without a value."""
    group, dot, _ = word.partition(".")
    inner = bool(dot) and KEY.fullmatch(word) is not None and group in (*GROUPS, "swap")
    return inner or word in (*GROUPS, *RUN_KEYS, *LAUNCH_KEYS)


def refuse_several(words: Sequence[str], alone: bool = False) -> None:
    """Refuse several values of a key where one is needed.

    Args:
        words: overrides for Hydra.
        alone: whether the command takes one value of each key; otherwise, ``-m`` runs each.

    Raises:
        ConfigError: a word lists several values.
    """
    for word in words:
        key, _, text = word.lstrip("+").partition("=")
        read = parsed(word)
        if read is None or not read.is_sweep_override():
            continue
        values, place = value_of(text), P(meant_key(key))
        fixes: list[Fix] = []
        if not isinstance(values, Several):
            drawn = "interval(" in text
            way = (
                "-m hydra/sweeper=random trials=20 draws values" if drawn else "-m runs each value"
            )
            fixes = [Note((way,))]
        elif alone:
            fixes = [Set(place, next(iter(values.values), 1))]
        else:
            type_ = DECLARED[str(place)].type if str(place) in DECLARED else None
            number, listed = amount_of(text), text.split(",")
            fixes = [Set(place, values)]
            if both := _for_each(key, values):
                fixes = [Both(both)]
            elif key == "mixers":
                fixes = [Set(place, list(values.values))]
            elif isinstance(type_, Number) and len(listed) == 2 and fits(number, type_):
                fixes.insert(0 if not fits(values.values[0], type_) else 1, Set(place, number))
        one = "one value is allowed" if alone else "several values need -m (--multirun)"
        refuse(Kind.REFUSED, key, *fixes, given=values, why=one)


def _for_each(key: str, values: Several) -> tuple[Set, ...]:
    """Return the keys that one of another program stands for, such as betas, with a value each."""
    names = known_as("key", key.rpartition(".")[2]).split(" and ")
    pairs = zip(names, values.values, strict=False)
    same = len(names) == len(values.values) > 1
    return tuple(Set(P(name), value) for name, value in pairs) if same else ()


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
        _refuse_bare(word)
    _refuse_joined(word)
    if name.startswith("hydra.launcher."):
        known_key(name.removeprefix("hydra.launcher.").partition(".")[0], value_of(value))
    if word.startswith("~"):
        refuse_removal(name)
    if not trusted:
        _refuse_key(key, name, value or "VALUE")
    _refuse_value(name, word, trusted)
    if name.startswith("hydra"):
        # A mapping that is empty by default accepts new keys only with ++.
        return f"++{word}" if word.startswith("hydra.launcher.") else word
    if word.startswith("~"):
        return word
    if name in GROUPS:
        # A group is already in the defaults, so + is dropped: the word chooses a file.
        return f"{name}={','.join(_stem(each) for each in value.split(','))}"
    return word if word.startswith("+") or "/" in name or "@" in name else f"++{word}"


def _stem(name: str) -> str:
    return name.removesuffix(".yaml").removesuffix(".yml")


def _refuse_bare(word: str) -> NoReturn:
    """Refuse a word without ``=``, which may be a key, a name or a file."""
    from gatekit.registry import catalogue, cell_names, tasks

    name = word.rpartition("/")[2]
    fixes: tuple[Fix, ...]
    if _stem(word) != word:
        fixes = Set(P("experiment"), _stem(name)), Set(P("cell"), _stem(name))
    elif word.endswith(".py"):
        fixes = (Set(P("plugins"), [word]),)
    elif os.path.isdir(os.path.join("experiments", word)):
        why = f"it is a study: `gatekit status {word}` shows its runs and its commands, which "
        more = f"continue it, and `gatekit extend {word} --seeds N` adds seeds"
        fixes = (Note((why, more)),)
    elif is_key(word):
        fixes = (Set(P(word), example_of(word)),)
    elif word.lower() in (known := {n.lower(): n for n in cell_names()}):
        fixes = (Set(P("cell"), known[word.lower()]),)
    elif word.lower() in (known := {n.lower(): n for n in tasks()}):
        fixes = (Set(P("task"), known[word.lower()]),)
    elif word in (parts := catalogue()).gates:
        fixes = (Both((Set(P("cell"), "lstm"), Set(P("swap.forget"), word))),)
    elif part := next(
        (key for key in ("block", "output_unit") if word in getattr(parts, f"{key}s")), ""
    ):
        fixes = (Set(P(part), word),)
    elif near := nearest_name(word, [*RUN_KEYS, *LAUNCH_KEYS]):
        fixes = (Set(P(near), example_of(near)),)
    else:
        named = NAME.fullmatch(word) and not re.fullmatch(r"[0-9a-f]{8,16}", word)  # a run's id
        study = (", and ", Set(P("study"), word), " names a study") if named else ()
        fixes = (Note(("for example ", Set(P("cell"), "lstm"), *study)),)
    raise ConfigError(Fault(Kind.REFUSED, Place((word,)), why=_SHAPE, fixes=fixes))


_SHAPE = "a word is KEY=VALUE"


def _refuse_joined(word: str) -> None:
    """Refuse two keys in one word, which quotes or a comma join."""
    key, _, value = word.partition("=")
    pairs = word.split()
    if len(pairs) > 1 and all(map(_PAIR.fullmatch, pairs)):
        _refuse_words(key, pairs, "quotes make this one word")
    within = _SECOND.search(value)
    if within is not None and not set(value[: within.start()]) & set("[{('\""):
        name = key.lstrip("+~")
        # After the name of a gate or a task, eps=0.1 is one of its options.
        owned = "." not in within[1] and not is_key(within[1])
        owner = f"{name}." if owned and (name in GROUPS or name.startswith("swap.")) else ""
        pairs = [f"{key}={value[: within.start()]}", f"{owner}{value[within.start() + 1 :]}"]
        _refuse_words(key, pairs, "two keys are two words")


def _refuse_words(key: str, words: Sequence[str], why: str) -> NoReturn:
    """Refuse words that are not typed as they have to be; these are what is meant."""
    sets = [Set(P(w.partition("=")[0].lstrip("+")), value_of(w.partition("=")[2])) for w in words]
    fix = sets[0] if len(sets) == 1 else Both(tuple(sets))
    refuse(Kind.REFUSED, key.lstrip("+~"), fix, why=why)


def refuse_apart(typed: Sequence[str], sweeps: bool = True) -> None:
    """Refuse a key and its value that are not one word with ``=`` between them.

    Args:
        typed: the words as typed.
        sweeps: whether the command takes several values of a key.
    """
    joined: list[str] = []
    whys: list[tuple[str, str]] = []
    for word, after in zip(typed, [*typed[1:], "x="], strict=False):
        if word[-1:] == "=" and "=" in after and word[:1] != "=" and after[:1] != "=":
            key = word[:-1].lstrip("+~")
            if is_key(key) or "." in key:
                refuse(Kind.MISSING, key, Set(P(key), example_of(key)))
        last = joined[-1] if joined else ""
        apart = _APART.fullmatch(word)
        if last.endswith(",") and "=" in word:
            joined[-1:] = [last.rstrip(","), word]
            whys.append((last, "there is a comma after its value"))
        elif sweeps and _continues(last, word):
            joined[-1] += f",{word}"
            whys.append((last, "values are separated by commas"))
        elif last.endswith(("=", ",")) or (last and word[0] in "=," and "=" not in last):
            joined[-1] += word
            whys.append((last, "there is a space in it"))
        elif "=" not in word and not last.startswith("~") and is_key(last):
            joined[-1] += f"={word}"
            whys.append((last, f"{_SHAPE}, without a space"))
        elif apart is not None and is_key(apart[1]):
            joined.append(f"{apart[1]}={apart[2]}")
            whys.append((apart[1], _SHAPE))
        else:
            joined.append(word)
    if whys and all("=" in word for word in joined):
        changed = [word for word in joined if word not in typed]
        _refuse_words(whys[0][0].partition("=")[0], changed, whys[0][1])


def _continues(last: str, word: str) -> bool:
    """Return whether a word is one more value of the key before it."""
    key, equals, value = last.lstrip("+").partition("=")
    if not equals or "=" in word or not value or value.endswith(","):
        return False
    if amount_of(word) is not None and amount_of(value.rpartition(",")[2]) is not None:
        return True
    from gatekit.registry import cell_names, tasks

    return word in {"cell": cell_names, "task": tasks}.get(key, tuple)()


def _refuse_split(typed: Sequence[str]) -> None:
    """Refuse a mapping or list that the shell has split."""
    why = "your shell has split the value; quotes keep it together"
    for index, word in enumerate(typed):
        joined = word
        for further in typed[index + 1 :] if _open(word) else ():
            joined += f" {further}"
            if not _open(joined):
                _refuse_words(word.partition("=")[0], [joined], why)
    values: dict[str, list[str]] = {}
    for word in typed:
        key, _, value = word.partition("=")
        values.setdefault(key, []).append(value)
    for key, pieces in ((key, pieces) for key, pieces in values.items() if len(pieces) > 1):
        # {kind:slow,stretch:4} is two words of the same key, also among the values of a sweep.
        head, comma, _ = _same(pieces).rpartition(",")
        head, tail = head + comma, _same([piece[::-1] for piece in pieces])[::-1]
        tail = tail[tail.find(",") :] if "," in tail else ""
        inner = [piece[len(head) : len(piece) - len(tail)] for piece in pieces]
        if any(map(_BRACES.fullmatch, inner)):
            _refuse_words(key, [f"{key}={head}{_with_kind(inner)}{tail}"], why)


def _same(pieces: Sequence[str]) -> str:
    """Return the characters with which all of some strings begin."""
    columns = zip(*pieces, strict=False)
    return "".join(each[0] for each in itertools.takewhile(lambda one: len({*one}) == 1, columns))


def _with_kind(entries: Sequence[str]) -> str:
    """Return the entries of a gate as a mapping; one without a colon is the gate's name."""
    return f"{{{','.join(each if ':' in each else f'kind:{each}' for each in entries)}}}"


def _open(text: str) -> bool:
    """Return whether a bracket of a value is open."""
    value = text.partition("=")[2]
    return any(value.count(left) > value.count(right) for left, right in ("{}", "[]"))


def _refuse_replaced(typed: Sequence[str]) -> None:
    """Refuse options of a swapped gate that the name of the gate, typed later, would replace."""
    for index, word in enumerate(typed):
        key, _, gate = word.lstrip("+").partition("=")
        inner = f"{key}." if key.startswith("swap.") and key.count(".") == 1 else "="
        lost = [w.lstrip("+") for w in typed[:index] if w.lstrip("+").startswith(inner)]
        if lost:
            why = "it replaces the options of the gate, which are before it"
            _refuse_words(key, [f"{key}.kind={gate}", *lost], why)


def _refuse_both(typed: Sequence[str]) -> None:
    """Refuse keys that exclude each other, and choices such as ``task.name``."""
    keys = {key.lstrip("+~"): value for key, _, value in (w.partition("=") for w in typed)}
    lost = [key for key in keys if key == "cell" or key.startswith("cell.")]
    if lost and "null" not in keys.get("mixers", "null"):
        why: Any = "it names the cell of each layer, so ", P(lost[0]), " has no effect"
        fixes = Remove(P(lost[0])), Remove(P("mixers"))
        refuse(Kind.CONFLICT, "mixers", *fixes, given=value_of(keys["mixers"]), why=why)
    if "seeds" in keys and isinstance(value_of(keys.get("seed", "0")), Several):
        why = ("it means the seeds from 0, and ", P("seed"), " lists others")
        refuse(Kind.CONFLICT, "seeds", Remove(P("seeds")), Remove(P("seed")), why=why)
    launched = [
        key.removeprefix("hydra.launcher.") for key in keys if key[:15] == "hydra.launcher."
    ]
    here = "backend" not in launched and "hydra/launcher" not in keys
    if here and (lost := [name for name in launched if name.partition(".")[0] in OF_SLURM]):
        node = P("hydra.launcher")
        why = "it is for jobs of Slurm, and runs start on this machine"
        asked, without = Set(node / "backend", "slurm"), Remove(P(f"{node}.{lost[0]}"))
        refuse(Kind.CONFLICT, f"{node}.{lost[0]}", asked, without, why=why)
    for key in ("task.name", "block.kind", "optimizer.name"):
        if key in keys and (key != "optimizer.name" or keys[key] in OPTIMIZERS):
            why, group = "the group itself is the key of this choice", key.partition(".")[0]
            fix = Set(P(group), keys[key])
            raise ConfigError(Fault(Kind.REFUSED, Place((key,)), keys[key], why=why, fixes=(fix,)))


def _refuse_swept(typed: Sequence[str]) -> None:
    """Refuse several values of a key that decides where and how all runs are executed."""
    for word in typed:
        key, _, value = word.lstrip("+").partition("=")
        named = any(w.lstrip("+").startswith("study=") for w in typed)
        if key == "experiment" and "," in value and value[:1] != "[" and not named:
            raise one_study(value.split(","))
        if "," not in value or set(value) & set("[{('\""):
            continue
        values: Any = value_of(value)
        if isinstance(values, Several) and (both := _for_each(key, values)):
            refuse(Kind.UNKNOWN, key, Both((Remove(P(key)), *both)), given=values)
        if key not in LAUNCH_KEYS or not isinstance(values, Several):
            continue
        place, first = P(key), next(iter(values.values))
        fix: Fix = Set(place, first)
        if key == "seeds":
            fix = Both((Remove(place), Set(P("seed"), values)))
        elif key == "track":
            fix = Set(place, list(values.values))
        why = "one command runs one study, and this key has one value for all runs"
        refuse(Kind.CONFLICT, key, fix, given=values, why=why)


def _with_quick(typed: Sequence[str]) -> list[str]:
    """Return the words with ``experiment=NAME quick=true`` as the small version of NAME."""
    pairs = [(word, *word.lstrip("+").partition("=")[::2]) for word in typed]
    asked = [value for _, key, value in pairs if key == "quick"]
    words = [word for word, key, _ in pairs if key != "quick"]
    if not asked:
        return words
    if asked[-1].lower() not in ("true", "false"):
        fix = Set(P("quick"), True)
        refuse(Kind.WRONG, "quick", fix, given=asked[-1], expected="true or false")
    if asked[-1].lower() == "false":
        return words
    named = [w for w, key, v in pairs if key == "experiment" and re.fullmatch(r"[\w-]+", v)]
    if len(named) != 1:
        why = "it runs the small version of one experiment"
        fix_both = Both((Set(P("experiment"), "NAME"), Set(P("quick"), True)))
        refuse(Kind.REFUSED, "quick", fix_both, why=why)
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


def _refuse_key(key: str, name: str, value: str) -> None:
    if key[: -len(name) or None] not in ("", "+", "++", "~"):
        refuse(Kind.UNKNOWN, key, Note((f"type {name}=VALUE",)))
    if name.startswith("hydra"):
        if key.startswith("~") or not is_hydra_key(name):
            node = ".".join(name.replace("/", ".").split(".")[:2])
            meant = known_as("key", name.rpartition(".")[2])
            if node == "hydra.sweeper" and meant in LAUNCH_KEYS:
                refuse(Kind.UNKNOWN, name, Rename(P(name), P(meant)), given=value_of(value))
            why = "it has no effect in gatekit"
            if note := note_for("hydra", node):
                why += f", but {note}"
            gone = Remove(P(name))
            root = Both((gone, Set(P("root"), value_of(value))))
            to = root if name in ("hydra.run.dir", "hydra.sweep.dir") and value else gone
            refuse(Kind.REFUSED, name, to, why=why)
        return
    if "/" in name and name.partition("/")[0] not in GROUPS:
        refuse(Kind.UNKNOWN, name, what="groups", known=GROUPS)
    if "@" in name:
        bare = name.partition("@")[0]
        why = "@ puts a configuration under another key, which needs --trust-config"
        refuse(Kind.REFUSED, name, Set(P(bare), value), why=why)
    if not KEY.fullmatch(name):
        typed = name.replace("-", "_")
        if KEY.fullmatch(typed):
            place = Place((name,))
            fix = Rename(place, P(meant_key(typed)))
            raise ConfigError(Fault(Kind.UNKNOWN, place, value_of(value), fixes=(fix,)))
        key_of = Set(P("swap.forget"), "power_law") if name[:4] == "swap" else Set(P("units"), 64)
        fixes = (Note(("type for example ", key_of)),)
        raise ConfigError(Fault(Kind.UNKNOWN, Place((key or "=",)), fixes=fixes))


def _refuse_value(name: str, word: str, trusted: bool) -> None:
    text = word.partition("=")[2]
    if len(word) > MAX_WORD:
        raise ConfigError(
            f"{name}=... has {len(word):,} characters; a value has at most {MAX_WORD:,}."
        )
    from hydra.core.override_parser.types import RangeSweep

    read = parsed(word)
    if read is None:
        refuse_unreadable(name, text)
    value = read.value()
    if isinstance(value, RangeSweep) and not value.step:
        fix = Set(P(name), Several(range(int(value.start or 0), int(value.stop or 0))))
        refuse(Kind.REFUSED, name, fix, given=text, why="the step of a range is not 0")
    elements = [*_elements(value)]
    for element in elements:
        if name in (*GROUPS, *HYDRA_GROUPS):
            _refuse_choice(name, element)
        elif not trusted:
            refuse_resolvers(element, name)
            refuse_keywords(element, f"{name}.")
        usual, given = DEFAULTS.get(name), isinstance(element, (dict, list))
        if name not in DECLARED or name in GROUPS or fits(element, DECLARED[name].type):
            continue
        fault = wrong_value(P(name), element, DECLARED[name].type)
        fixes = tuple(_for_all(fault, elements)) if len(elements) > 1 else fault.fixes
        # Hydra cannot merge a list or a mapping, and runs see a swept value alone.
        if fixes != fault.fixes or (given and isinstance(usual, (dict, list))):
            raise ConfigError(replace(fault, fixes=fixes))


def _for_all(fault: Fault, elements: Sequence[Any]) -> Iterator[Fix]:
    """Yield the fixes of one of several swept values, each for all of them."""
    for fix in fault.fixes:
        if isinstance(fix, Set) and fix.value == fault.given:
            yield replace(fix, value=Several(tuple(elements)))
        elif isinstance(fix, Set) and fix.value == [fault.given]:
            yield replace(fix, value=[*elements])
        else:
            yield fix


def refuse_unreadable(key: str, text: str) -> NoReturn:
    """Refuse a value that Hydra's grammar cannot read; its characters may be meant as they are.

    Raises:
        ConfigError: always.
    """
    key = meant_key(key)
    if key == "study":
        study_name(text.strip("'\""))
    for notation in (_distribution, _spaced, _formula):
        if found := notation(key, text):
            fix, why = found
            refuse(Kind.REFUSED, key, fix, given=excerpt(text, 200), why=why)
    place, bare = P(key), text.strip(" '()[]{}")
    literal, given = text.strip("'"), excerpt(text, 200)
    literal = literal.replace("=", ":") if key == "match" else literal
    inner = [text.strip("' ;,"), text.strip("'(); ,"), bare]
    repaired = [word.replace("=", ":").replace(";", ",") for word in inner]
    if key.startswith("swap.") and (inner[0][:1] == "{" or "(" in bare):
        repaired = [_with_kind(re.split(r"[(,]", repaired[-1]))]  # power_law(eps=0.1)
    meant = next((value_of(word) for word in repaired if parsed(f"key={word}")), bare)
    one = next(iter(meant.values)) if isinstance(meant, Several) else meant
    if key in GROUPS and not isinstance(meant, Several):
        _refuse_choice(key, meant)
    type_ = DECLARED[key].type if key in DECLARED and key not in GROUPS else None
    if type_ is not None and not fits(literal, type_) and not fits(one, type_):
        raise ConfigError(replace(wrong_value(place, bare, type_), given=given))
    other = type_ is not None and not fits(literal, type_)  # the characters mean something else
    such = meant if other or key in GROUPS or isinstance(meant, (dict, list)) else literal
    even = all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))
    fixes = (Set(place, such),) if len(text) <= 200 and (even or such is meant) else ()
    why = "it cannot be read: close each bracket, and quote other characters (inside the quotes of "
    refuse(Kind.REFUSED, key, *fixes, given=given, why=f"{why}the shell)")


def _distribution(key: str, text: str) -> tuple[Fix, str] | None:
    """Return what a distribution of Optuna and others means."""
    if not (between := _DISTRIBUTION.fullmatch(text)):
        return None
    draw = f"interval({between[2]},{between[3]})"
    draw = f"tag(log,{draw})" if between[1] else draw
    way = f"type -m '{key}={draw}', with hydra/sweeper=random trials=N"
    return Note((way,)), "a search draws values"


def _spaced(key: str, text: str) -> tuple[Fix, str] | None:
    """Return what ``logspace`` and its like of NumPy mean."""
    if not (spaced := _SPACED.fullmatch(text)):
        return None
    low, high, count = float(spaced[2]), float(spaced[3]), max(2, int(spaced[4]))
    powers = spaced[1] == "log"
    if spaced[1] == "geom" and min(low, high) > 0:
        low, high, powers = math.log10(low), math.log10(high), True
    points = [low + (high - low) * each / (count - 1) for each in range(min(count, 100))]
    values = [float(f"{10 ** min(each, 99) if powers else each:.3g}") for each in points]
    return Set(P(key), Several(values)), "values are listed"


def _formula(key: str, text: str) -> tuple[Fix, str] | None:
    """Return what the formula of a gate means, typed like the gate's name or without its quotes."""
    path = P(key.removesuffix(".activation"))
    inner = text.strip("' ;,")
    depth = {"swap": 2, "cell": 3}.get(str(path.path[0]), 0)
    gate = len(path.path) == depth and (depth == 2 or path.path[1] == "gates")
    if not gate or not set(inner) & set("({") or not _FORMULA.fullmatch(inner):
        return None
    inner = inner.strip("{}").removeprefix("activation:").strip()
    named = re.fullmatch(r"(\w+)\(pre\)", inner)
    own = {"kind": None} if depth == 3 else {}  # it has a kind already
    value: Any = named[1] if named else {**own, "activation": inner}
    return Set(path, value), "a formula is the activation of a gate, in quotes"


def _keys_of(group: str, values: dict[str, Any]) -> Fix:
    """Return the fix that gives the keys of a group their values."""
    if group not in (*GROUPS, "swap"):
        return Set(P(group), values)
    choices = [Set(P(group), v) for k, v in values.items() if k in ("name", "kind")]
    keys = [Set(P(group) / k, v) for k, v in values.items() if k not in ("name", "kind")]
    return Both((*choices, *keys)) if len(values) > 1 else (choices + keys)[0]


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
    """Refuse a value of a group that is not the name of a file."""
    place, fixes = P(group), list[Fix]()
    theirs = group == "hydra/launcher" and value in OF_HYDRA
    if theirs and not os.path.exists(os.path.join("conf", group, f"{value}.yaml")):
        way = Note((note_for("hydra", "hydra.launcher"),))  # before its options are judged
        refuse(Kind.UNKNOWN, group, way, given=value, what="launchers")
    if isinstance(value, list) and group != "experiment":
        why = "this would merge the files into one"
        fixes = [Set(place, Several(tuple(value)))]
        if group == "cell":
            fixes.append(Note(("a cell for each layer is ", Set(P("mixers"), value))))
        refuse(Kind.REFUSED, group, *fixes, given=value, why=why)
    chosen = value if isinstance(value, list) else [value]
    if None in chosen and group in USUAL:
        refuse_no_file(group)
    if all(v is None or (isinstance(v, str) and NAME.fullmatch(v)) for v in chosen):
        return
    if isinstance(value, str) and len(value) > 200 and NAME.fullmatch(value[:200]):
        raise ConfigError(
            f"{group}={excerpt(value)} is too long for a file name; type a shorter one"
        )
    if isinstance(value, dict) and value:
        fixes = [_keys_of(group, value)]
    elif isinstance(value, str) and _stem(value) != value:
        fixes = [Set(place, _stem(value.rpartition("/")[2]))]
    elif isinstance(value, str) and group == "cell" and re.fullmatch(r"\w+(\+\w+)+", value):
        fixes = [Set(P("mixers"), value.split("+"))]  # the label of a hybrid
    elif isinstance(value, str) and len(names := re.findall(r"[\w.-]+", value)) > 1:
        fixes = [Set(place, names[0] if set(value) & set("({=") else Several(tuple(names)))]
    elif group in USUAL:
        fixes = [Set(place, USUAL[group])]
    expected = f"the name of a file in conf/{group}"
    refuse(Kind.WRONG, group, *fixes, given=value, expected=expected)
