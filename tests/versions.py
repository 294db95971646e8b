"""The quick tests with other versions: ``make lowest`` and ``make pythons``.

``lowest`` installs the lowest version of each dependency that pyproject.toml allows, ``pythons``
each Python that the classifiers name, with the versions of constraints.txt, and the next one,
which may fail. Environments are in build/; this needs nothing but Python.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def lowest() -> list[str]:
    """Return the lowest version of each dependency, as lines of constraints."""
    return [entry.replace(">=", "==") for entry in PROJECT["dependencies"]]


def pythons() -> list[str]:
    """Return the Pythons that the classifiers name, such as 3.11."""
    found = (re.fullmatch(r"Programming .*:: (3\.\d+)", text) for text in PROJECT["classifiers"])
    return [match[1] for match in found if match]


def interpreter(version: str) -> str | None:
    """Return the path of an interpreter that runs; one on the PATH may be pyenv's, and not run."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for path in (shutil.which(f"python{version}"), *kept.glob(f"{version}.*/bin/python")):
        if path and not subprocess.run([path, "-V"], capture_output=True, check=False).returncode:
            return str(path)
    return None


def passes(name: str, python: str, constraints: Path, *options: str) -> bool:
    """Return whether the quick tests pass in a fresh environment, build/NAME."""
    place = ROOT / "build" / name
    shutil.rmtree(place, ignore_errors=True)
    own = str(place / "bin/python")
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps = [
        [python, "-m", "venv", str(place)],
        [*pip, "pip>=25.1"],
        [*pip, "-c", str(constraints), "--group", "test", "-e", "."],
        [own, "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile", "--quick", *options],
    ]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    for step in steps:
        print("+", *step[:8], flush=True)  # noqa: T201
        if subprocess.run(step, cwd=ROOT, env=environment, check=False).returncode:
            return False
    return True


def main(what: str) -> int:
    """Run the tests; return 0 if they pass wherever they must."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    if what == "lowest":
        (build / "lowest.txt").write_text("\n".join(lowest()) + "\n", encoding="utf-8")
        # Old libraries use what their own dependencies, which are new, deprecate.
        ignored = ("-W", "ignore::DeprecationWarning")
        return not passes("lowest", sys.executable, build / "lowest.txt", *ignored)
    outcomes = {}
    supported = pythons()
    following = f"3.{int(supported[-1].removeprefix('3.')) + 1}"
    for version in [*supported, following]:
        path = interpreter(version)
        outcomes[version] = passes(version, path, ROOT / "constraints.txt") if path else None
    words = {True: "passed", False: "FAILED", None: "not installed here"}
    for version, outcome in outcomes.items():
        allowed = " (may fail)" if version == following else ""
        print(f"Python {version}: {words[outcome]}{allowed}")  # noqa: T201
    return int(any(outcomes[version] is False for version in supported))


if __name__ == "__main__":
    if sys.argv[1:] not in (["lowest"], ["pythons"]):
        sys.exit("type make lowest or make pythons")
    sys.exit(main(sys.argv[1]))
