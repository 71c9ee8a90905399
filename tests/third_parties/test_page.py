"""docs/frameworks.md says what the shipped files say."""

from pathlib import Path

import pytest
import yaml

from third_parties.program import ROOT, documented


@pytest.mark.parametrize("path", sorted(ROOT.glob("logging.d/*.yaml")), ids=lambda path: path.stem)
def test_the_lines_for_a_file_of_ones_own_are_those_of_the_shipped_files(path: Path) -> None:
    """What the page tells the reader to keep is in each shipped file, whole."""
    page = yaml.safe_load(documented("A file of your own", "handlers:", "yaml"))
    shipped = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert page["loggers"].items() <= shipped["loggers"].items()
    assert page["handlers"].items() <= shipped["handlers"].items()
