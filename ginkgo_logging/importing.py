"""Call a function when a module is imported, so that nobody pays for a library that a program does not use."""

import functools
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def when_imported(name: str, call: Callable[[], object]) -> None:
    """Call *call* once: at once if module *name* is imported already, else right after its first import.

    Asked twice for one module, the later call counts. What *call* raises after an import is logged as a
    warning: the program's import must not fail for it. Thread-safe.
    """
    forget(name)
    if name in sys.modules:
        call()
    else:
        sys.meta_path.insert(0, _Finder(name, call))


def forget(name: str) -> None:
    """Take back a `when_imported` whose module was not imported yet."""
    for finder in [f for f in sys.meta_path if isinstance(f, _Finder) and f.name == name]:
        finder.leave()


class _Finder:
    """Finds one module the way it would be found without us, and is told by its loader when it was executed.

    Looking for the module without importing it, as `importlib.util.find_spec` does, changes nothing.
    """

    def __init__(self, name: str, call: Callable[[], object]) -> None:
        self.name = name
        self._call: Callable[[], object] | None = call
        self._lock = threading.Lock()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        """Let the other finders answer."""
        if fullname != self.name:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, _Finder) or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._watch(spec.loader)
                return spec
        return None

    def _watch(self, loader: object) -> None:
        # One attribute of this one loader: its type, the spec and the module stay what they are without us.
        # A zip archive's loader is shared by all its modules and may be watched already.
        execute = getattr(loader, "exec_module", None)
        if execute is None or "exec_module" in getattr(loader, "__dict__", ()) or isinstance(loader, type):
            return

        @functools.wraps(execute)
        def exec_module(module: ModuleType) -> None:
            execute(module)
            if module.__name__ == self.name:
                vars(loader).pop("exec_module", None)
                self._imported()

        loader.exec_module = exec_module  # type: ignore[attr-defined]

    def _imported(self) -> None:
        call = self.leave()
        if call is None:
            return
        try:
            call()
        except Exception:
            logging.getLogger(__name__).warning("%s is not set up for logging", self.name, exc_info=True)

    def leave(self) -> Callable[[], object] | None:
        """Leave the import system; return what is still to be called, to one caller only."""
        with self._lock:
            call, self._call = self._call, None
        # A new list: another thread's import may be walking along the old one and would miss a finder.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
        return call
