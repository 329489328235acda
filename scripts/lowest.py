"""The oldest versions of other packages that are promised to do, as constraints for pip.

python scripts/lowest.py > lowest.txt

Of `zarr>=3.1` that is `zarr==3.1.*`, of `pandas>=3` it is `pandas==3.0.*`. Packages without such
a bound, and those of extras that developers alone need, are left as they are.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("pyqt6", "server")
_BOUND = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<version>[\d.]+)")


def lowest(requirements: list[str]) -> list[str]:
    """Constraints to the oldest version of each requirement that says one."""
    found = []
    for requirement in requirements:
        bound = _BOUND.match(requirement)
        if bound is not None:
            version = bound["version"]
            found.append(f"{bound['name']}=={version if '.' in version else version + '.0'}.*")
    return found


def main() -> int:
    """Print them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [each for name in EXTRAS for each in project["optional-dependencies"][name]]
    print("\n".join(lowest([*project["dependencies"], *extras])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
