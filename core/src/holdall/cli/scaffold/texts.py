"""What a new package has besides its module. Names between angle brackets are filled in."""

from __future__ import annotations

__all__ = ["PYPROJECT", "README", "TESTS"]

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "<distribution>"
version = "0.1.0"
description = "<summary>"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["holdall>=0.1,<0.2"]

[project.optional-dependencies]
test = ["holdall[testing]>=0.1,<0.2"]

[project.entry-points.holdall]
<name> = "<module>"

[tool.hatch.build.targets.wheel]
packages = ["src/<module>"]

[tool.pytest.ini_options]
testpaths = ["tests"]

[tool.ruff]
line-length = 120

[tool.pyright]
typeCheckingMode = "strict"
include = ["src"]
"""

README = """\
# <distribution>

<summary>

```toml
<configuration>
```

## Working on it

```console
pip install -e '.[test]'
pytest                  # the conformance kit, with tests of your own
holdall plugin test <name>
holdall plugins --check <name>
```

The third line runs the kit by itself and says what was verified; the fourth shows what others see of the plugin.
What to change is marked in `src/<module>/__init__.py`: look for `CHANGE`.
"""

TESTS = '''\
"""The <kind> keeps what its kind must keep: the conformance kit. Tests of your own go beside it."""

from holdall.testing import <tests>


class Test<Name>(<tests>):
    """Each test of the kit quotes what it asks for."""

    plugin = "<name>"
'''
