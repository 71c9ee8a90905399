"""Find and read dictConfig files: those that come with the package, and the user's."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from ginkgo_logging import settings
from ginkgo_logging.errors import ConfigError
from ginkgo_logging.settings import Settings
from ginkgo_logging.yaml_file import parse_yaml, read_text

ENVIRONMENTS = ("local", "container", "test", "local-queue", "container-queue", "otlp")
"""The names of the shipped files."""


class ConfigFile(NamedTuple):
    """One dictConfig file: where it is, and what it says."""

    name: str
    text: str
    document: Mapping[str, Any]

    @property
    def incremental(self) -> bool:
        """Whether it only changes levels of what another file set up."""
        return self.document.get("incremental") is True


def find(
    chosen: Settings, config: str | os.PathLike[str] | Mapping[str, Any] | None = None, here: Path = Path()
) -> list[ConfigFile]:
    """Return the files to apply in order: one complete file, then the incremental ones on top of it.

    *config* (or ``LOGGING_CONFIG``) that is the name of an environment only chooses among the files of that
    name. Relative paths begin at *here*. Raises `ConfigError` for a file that is missing, unreadable, not a
    mapping, or that others may change: to load a dictConfig file is to run code.
    """
    on_top: list[ConfigFile] = []
    if isinstance(config, Mapping):
        on_top.append(ConfigFile("setup(config=)", "", config))
        if not on_top[0].incremental:
            return on_top
        config = chosen.environment
    environment, candidates = find_candidates(chosen, config, here)
    return [*down_to_complete(candidates, read, lambda: shipped(environment)), *on_top]


class _Layer(Protocol):
    @property
    def incremental(self) -> bool: ...


_File = TypeVar("_File", bound=_Layer)


def down_to_complete(
    candidates: Iterable[Path], read: Callable[[Path], _File], last: Callable[[], _File]
) -> list[_File]:
    """Return the files to apply in order: the strongest that is complete, and the incremental ones before it.

    *last* makes the one that stands below all *candidates*.
    """
    on_top: list[_File] = []
    for path in candidates:
        file = read(path)
        on_top.insert(0, file)
        if not file.incremental:
            return on_top
    return [last(), *on_top]


def find_candidates(
    chosen: Settings, config: str | os.PathLike[str] | None = None, here: Path = Path()
) -> tuple[str, list[Path]]:
    """Return the shipped environment, and the user's files, the strongest first; none of them is read yet."""
    wanted = chosen.config if config is None else config
    mode = chosen.environment
    if wanted is None:
        return mode, _user_files(mode, here)
    if isinstance(wanted, str):
        if wanted in ENVIRONMENTS:
            return wanted, _user_files(wanted, here)
        if own := _user_files(wanted, here):
            return mode, own + _user_files(mode, here)
    path = _path(wanted, here)
    if path is None or not _is_file(path):
        names = ", ".join(ENVIRONMENTS)
        raise ConfigError(f"{wanted}: no such dictConfig file, and no environment of that name ({names})")
    return mode, [path, *_user_files(mode, here)]


def places(
    chosen: Settings, config: str | os.PathLike[str] | Mapping[str, Any] | None = None, here: Path = Path()
) -> list[Path]:
    """Return where `find` looks for files of the user's, whether there is one or not."""
    wanted = chosen.config if config is None else config
    if isinstance(wanted, Mapping):
        return _user_places(chosen.environment, here) if wanted.get("incremental") is True else []
    if wanted in ENVIRONMENTS:
        return _user_places(wanted, here)
    own = _user_places(wanted, here) if isinstance(wanted, str) else []
    path = _path(wanted, here)
    return [*own, *([path] if path is not None else ()), *_user_places(chosen.environment, here)]


def _path(given: object, here: Path) -> Path | None:
    if not isinstance(given, str | os.PathLike) or not (name := str(given)) or "\0" in name:
        return None
    try:
        return here / Path(name).expanduser()
    except RuntimeError as exc:
        raise ConfigError(f"{name}: {exc}") from None


def _user_files(environment: str, here: Path) -> list[Path]:
    """Return the user's files for *environment*, the strongest first."""
    return [path for path in _user_places(environment, here) if _is_file(path)]


def _user_places(environment: str, here: Path) -> list[Path]:
    if not environment or os.sep in environment or environment.endswith((".yaml", ".yml")):
        return []
    folders = [here / "logging.d"]
    with contextlib.suppress(ConfigError):  # a user without a home has no files there
        folders.append(here / settings.directory() / "logging.d")
    return [folder / f"{environment}.yaml" for folder in folders]


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as exc:
        # To go on without a file that may be there would be to log in a way that the user did not choose.
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc


def shipped(environment: str) -> ConfigFile:
    """Return the file that comes with the package, from a wheel, a checkout or an archive of the source."""
    package = Path(__file__).parent
    # In a checkout, and in a zip of one, logging.d/ lies beside the package and is the only copy.
    for folder in (package / "logging_d", package.parent / "logging.d"):
        file = str(folder / f"{environment}.yaml")
        with contextlib.suppress(OSError):
            # What imported this file reads that one, from a directory or an archive; importing
            # importlib.resources takes longer.
            return _parsed(file, __loader__.get_data(file).decode())  # type: ignore[name-defined]
    raise ConfigError(
        f"no dictConfig file for environment {environment!r}; shipped: {', '.join(ENVIRONMENTS)}"
    )


def read(path: Path) -> ConfigFile:
    """Return the file at *path* after making sure that only its owner, or root, could have written it."""
    try:
        # Read what was looked at: a link could lead elsewhere by now.
        text = read_text(refuse_if_others_may_write(path))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    if text is None:
        raise ConfigError(f"{path}: no such file")
    return _parsed(str(path), text)


def _parsed(name: str, text: str) -> ConfigFile:
    document = parse_yaml(text, name)
    if not isinstance(document, dict):
        raise ConfigError(f"{name}: must be a dictConfig mapping with a key 'version', got {document!r:.40}")
    return ConfigFile(name, text, document)


def refuse_if_others_may_write(path: Path) -> Path:
    """Return the real path of *path* unless another user could have put the file there (compare sshd's keys).

    Raises `ConfigError`, or OSError where the file is not there.
    """
    real = path.resolve(strict=True)
    own = {0, os.geteuid()}
    if path.is_symlink() and (uid := path.lstat().st_uid) not in own:
        raise ConfigError(f"{path}: refused: the link belongs to another user (uid {uid})")
    near = (real, real.parent)
    for place in dict.fromkeys((real, *real.parents, *path.absolute().parents)):
        info = place.stat()
        if place in near and info.st_uid not in own:
            raise ConfigError(f"{path}: refused: {place} belongs to another user (uid {info.st_uid})")
        shared = stat.S_IWOTH
        if place in near and info.st_gid != info.st_uid:  # a group of the user's own has the user's number
            shared |= stat.S_IWGRP
        if info.st_mode & shared and not _is_protected(place, info):
            mode = stat.filemode(info.st_mode)
            raise ConfigError(
                f"{path}: refused: others may write to {place} ({mode}); try chmod go-w {place}"
            )
    return real


def _is_protected(place: Path, info: os.stat_result) -> bool:
    """Return whether nobody can use the permission to write: as in /tmp, or on a read-only mount."""
    if stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX:
        return True
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
