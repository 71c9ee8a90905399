"""Each module gets a directory of its own, and each way to put a shipped file in force."""

from pathlib import Path

import pytest

from third_parties.program import WIRINGS, Project, Wiring


@pytest.fixture(scope="module", params=WIRINGS.values(), ids=WIRINGS.keys())
def wiring(request: pytest.FixtureRequest) -> Wiring:
    """Each shipped file, by `setup()` and by the standard library alone."""
    wiring: Wiring = request.param
    return wiring


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project, in local mode unless the test says otherwise."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def wired_project(wiring: Wiring, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An empty project in the mode of *wiring*, for programs whose output several tests look at."""
    return Project(tmp_path_factory.mktemp("third_party"), wiring.mode)
