"""No configuration file and no word makes gatekit run code, touch other files, or hang."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bounded import SECONDS
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from refused import at
from seams import CheckedSource, command, line, safe_yaml, untrusted_files

from gatekit import ConfigError, GatekitError

from .configs import Case, cases

SEED = 14
FORBIDDEN = re.compile(r"subprocess|os\.(system|exec|fork|posix_spawn|mkdir|re|link|sym|ch)|socket")
seen: list[str] = []
watching: list[str] = []


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what a configuration must never cause; only while something is watched."""
    if not watching:
        return
    if FORBIDDEN.match(event) and arguments[:1] != (".",):  # Hydra makes the working folder
        seen.append(f"{event} {arguments!r:.200}")
    elif event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or (isinstance(path, str) and path.startswith(watching[0])):
            seen.append(f"open {path}")


@contextmanager
def watched(outside: str) -> Iterator[None]:
    watching.append(outside)
    try:
        yield
    finally:
        watching.clear()


@pytest.fixture(scope="module", autouse=True)
def audit() -> None:
    sys.addaudithook(hook)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.yaml").write_text("units: 3\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    command.compose(["units=3"])  # imports what is imported late
    return str(tmp_path / "outside")


def put(case: Case) -> list[Path]:
    """Write a case's files; one that would be outside of ``conf`` is only asked for."""
    made = []
    for place, content in case.files.items():
        if ".." not in place:
            made.append(Path("conf", f"{place}.yaml"))
            made[-1].parent.mkdir(parents=True, exist_ok=True)
            made[-1].write_bytes(content)
    return made


def acts(value: Any, top: bool = True) -> str | None:
    """Return what Hydra or OmegaConf would act on in an accepted file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("_target_", "_convert_", "_args_"):
                return f"the key {key}"
            if (
                top
                and key == "defaults"
                and re.search(r"@(?!_here_)|\.\.|hydra/(?![ls])", str(inner))
            ):
                return f"defaults {inner}"
            if top and key in ("hydra", "plugins", "root") and set(inner) - {"mode", "sweeper"}:
                return f"the section {key}"
            if found := acts(inner, False):
                return found
    elif isinstance(value, list):
        return next((found for inner in value if (found := acts(inner, False))), None)
    elif isinstance(value, str) and re.search(r"\$\{[^}]*[:$]", value):
        return f"the reference {value}"
    return None


def read(case: Case) -> str | None:
    """Read a case as Hydra would; return the fault that it finds."""
    for place in case.files:
        source = CheckedSource("main", f"checked://{Path.cwd() / 'conf'}")
        if not source.is_config(place):
            continue
        result = source.load_config(place)
        package = result.header.get("package")
        # a file in a folder of a group may name the folder or the group
        group = place.rpartition("/")[0].replace("/", ".")
        if package not in (None, "_global_", group, group.partition(".")[0]):
            return f"the package {package} is accepted"
        if package == "_global_" and not place.startswith(("experiment/", "change/")):
            return f"{place} is put at the top"
        if found := acts(safe_yaml.read_yaml(Path("conf", f"{place}.yaml")), package == "_global_"):
            return f"{found} is accepted"
    for word in case.words if not case.files else ():
        prefixed = line.prefixed(word)
        if not readable(prefixed):
            continue  # Hydra refuses it
        if re.search(r"='[^']*\$\\\{[^']*'$", prefixed):
            continue  # within quotes Hydra keeps the backslash: a string, not a reference
        if re.search(r"@|_target_|hydra\W?(run|sweep\.|job|callb|search)|oc\.", prefixed):
            return f"the word {prefixed} is accepted"
    return None


def readable(word: str) -> bool:
    """Return whether Hydra can read an override."""
    try:
        return bool(OverridesParser.create().parse_override(word))
    except (HydraException, ValueError):
        return False


def attempt(case: Case, outside: str, whole: bool) -> tuple[str | None, float]:
    """Read or compose a case; return the fault that it finds and the processor time in seconds."""
    start = time.thread_time()
    seen.clear()
    fault: str | None = None
    try:
        with watched(outside):
            if whole:
                command.compose(case.words)
            else:
                fault = read(case)
    except GatekitError as error:
        fault = None if str(error) else "an error without a word"
    except (Exception, SystemExit) as error:
        fault = f"{type(error).__name__}: {error}"[:200]
    if seen:
        fault = f"it does {seen[0]}"
    return fault, time.thread_time() - start


def faults(seed: int, count: int, outside: str, whole: bool = False) -> Iterator[str]:
    """Yield every case that is neither refused with one sentence nor harmless."""
    for case in cases(seed, count, outside):
        files = put(case)
        fault, seconds = attempt(case, outside, whole)
        # The machine itself, or garbage of earlier tests, may have paused it once.
        if seconds > SECONDS:
            fault, again = attempt(case, outside, whole)
            fault = "it takes too long" if again > SECONDS else fault
        if set(os.listdir()) - {"conf"} or os.listdir(outside) != ["secret.yaml"]:
            fault = "it leaves files"
        for path in files:
            path.unlink()
        if fault:
            yield f"case {case.number} of seed {seed}: {fault}; {case}"[:600]


def test_few_cases_are_refused_or_harmless_to_read(outside: str) -> None:
    assert list(faults(SEED, 1_000, outside)) == []


@pytest.mark.slow
def test_each_case_is_refused_or_harmless_to_read(outside: str) -> None:
    assert list(faults(SEED, 7_900, outside)) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_case_is_refused_or_composed_without_an_effect(outside: str) -> None:
    assert list(faults(SEED + 1, 100, outside, whole=True)) == []


HOLES = {
    "resolvers": (untrusted_files, "refuse_resolvers"),
    "keywords": (untrusted_files, "refuse_keywords"),
    "hydra": (untrusted_files, "_refuse_hydra"),
    "everything": (untrusted_files, "refuse"),
    "words": (line, "_refuse_key"),
    "values": (line, "_refuse_value"),
}


@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found(outside: str, monkeypatch: pytest.MonkeyPatch, hole: str) -> None:
    owner, name = HOLES[hole]
    monkeypatch.setattr(owner, name, lambda *arguments: None)
    assert any("is accepted" in fault for fault in faults(SEED, 2_000, outside))


@pytest.mark.parametrize(
    ("node", "key"),
    [
        ("mode", "hydra.mode"),
        ({"run": {"dir": "/"}}, "hydra.run"),
        ({"mode": "EVERY"}, "hydra.mode"),
        ({"sweeper": {"launcher": "x"}}, "hydra.sweeper.launcher"),
        (
            {"sweeper": {"params": {"seed": "${oc.env:HOME}"}}, "mode": "RUN", "job": {}},
            "hydra.job",
        ),
    ],
)
def test_of_hydra_a_file_sets_the_mode_and_what_is_swept(node: object, key: str) -> None:
    with pytest.raises(ConfigError, check=at(key)):
        untrusted_files._refuse_hydra(node, [])
    untrusted_files._refuse_hydra({"mode": "MULTIRUN", "sweeper": {"params": {}}}, [])
