"""In a wheel, plugins/ and conf/ are inside the package; pyproject.toml has everything else.

If pyproject.toml mapped the two folders, an editable install would not be a path to this folder but
an import hook, which comes too late: see `gatekit._clone`.
"""

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildPy(build_py):
    def finalize_options(self) -> None:
        super().finalize_options()
        self.packages = [*self.packages, "gatekit.conf", "gatekit.plugins"]
        self.package_dir = {
            **self.package_dir,
            "gatekit.conf": "conf",
            "gatekit.plugins": "plugins",
        }


setup(cmdclass={"build_py": BuildPy})
