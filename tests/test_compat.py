"""ginkgo.libs and ginkgo.services: what the platform's modules import (installing is in test_packaging)."""

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import ginkgo_logging
from ginkgo_logging import ConfigError, settings, setup
from ginkgo_logging.compat.gconf import GCONF

ROOT = Path(__file__).parents[1]


def run(code: str) -> str:
    """Run *code* where the namespace portion lies on the path, as it does once installed."""
    paths = [ROOT, ROOT / "ginkgo_logging" / "compat", os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(str(one) for one in paths if one)
    environ = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_names_are_those_of_the_package() -> None:
    """
    What ginkgo.libs hands on is the very same objects, so that `except` and `is` work across both names.
    """
    code = """if True:
        import ginkgo.libs, ginkgo.libs.exceptions, ginkgo_logging
        for module in (ginkgo.libs, ginkgo.libs.exceptions):
            print([name for name in module.__all__
                   if getattr(module, name) is not getattr(ginkgo_logging, name, None)])"""

    assert "['GCONF']\n[]\n" == run(code)


def test_services_logging_is_a_module() -> None:
    """
    ginkgo.services.logging can be reached both ways, and does not hide the standard library's logging.
    """
    code = """if True:
        import logging
        from ginkgo import services
        import ginkgo.services.logging as module
        from ginkgo.libs import GLOG
        print(services.logging is module, module is not logging, GLOG.logger.__class__ is logging.Logger)"""

    assert "True True True\n" == run(code)


def test_importing_configures_nothing() -> None:
    """
    Importing the platform's names leaves logging alone.
    """
    code = """if True:
        import logging, os
        from ginkgo import services
        from ginkgo.libs import GCONF, GLOG
        print(logging.getLogger().handlers, os.listdir(os.environ["HOME"]))"""

    assert "[] []\n" == run(code)


def test_no_directory_of_the_package_is_the_namespace() -> None:
    """
    ginkgo has no __init__.py: with one it would hide a host application's own ginkgo.
    """
    assert not (Path(ginkgo_logging.__file__).parent / "compat" / "ginkgo" / "__init__.py").exists()


# --- GCONF ---------------------------------------------------------------------------------------------------


def test_gconf_defaults() -> None:
    """
    The settings bear the names of their variables.
    """
    names = ("LOGGING_FORMAT", "LOGGING_LEVEL_CONSOLE", "LOGGING_CONTAINER_JSON_OUTPUT", "LOKI_URL")

    assert ["json", "INFO", True, None] == [getattr(GCONF, name) for name in names]


def test_gconf_has_every_setting() -> None:
    """
    Each setting is there, and `dir` lists it.
    """
    names = dir(GCONF)

    assert sorted(option.variable for option in settings.OPTIONS) == names
    assert all(hasattr(GCONF, name) for name in names)


def test_gconf_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A variable counts, and a list is a list.
    """
    monkeypatch.setenv("LOGGING_MASK_FIELDS", "password,pin")

    assert ["password", "pin"] == GCONF.LOGGING_MASK_FIELDS


def test_gconf_shows_what_setup_was_given() -> None:
    """
    The arguments of setup() are in force here too.
    """
    setup(console_level="ERROR")

    assert "ERROR" == GCONF.LOGGING_LEVEL_CONSOLE
    assert [logging.ERROR] == [one.level for one in logging.getLogger().handlers if one.name == "console"]


def test_gconf_refuses_unknown_names() -> None:
    """
    A name that is no setting is an AttributeError that lists those that are.
    """
    with pytest.raises(AttributeError, match=r"GCONF has no 'LOGGING_MODUS'; it has .*LOGGING_MODE"):
        _ = GCONF.LOGGING_MODUS


def test_gconf_tells_of_a_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whoever asks for a setting is told that it is wrong.
    """
    monkeypatch.setenv("LOGGING_FORMAT", "xml")

    with pytest.raises(ConfigError, match="LOGGING_FORMAT: 'xml' is not allowed"):
        _ = GCONF.LOGGING_FORMAT


def test_gconf_is_read_only_and_shows_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nothing can be set on it, and printing or pickling it tells no secret.
    """
    monkeypatch.setenv("LOKI_TOKEN", "hunter2")

    with pytest.raises(AttributeError, match="GCONF is read-only"):
        GCONF.LOGGING_MODE = "container"
    assert "hunter2" == GCONF.LOKI_TOKEN
    assert "hunter2" not in repr(GCONF)
    assert b"hunter2" not in pickle.dumps(GCONF)
