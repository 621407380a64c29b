"""The component in Wasmtime for Python: read, compiled, instantiated."""

import os
import pathlib
import sys

from wasmtime import Engine, Store
from wasmtime.component import Component, Linker, Record

_PACKAGE = "backstop:policy/{}@0.1.0"

# Where `cargo xtask component` leaves the component.
BUILT = pathlib.Path(__file__).resolve().parents[2] / "target" / "component" / "policy.wasm"


def component_path():
    """Returns the path of the component: the first argument, `BACKSTOP_COMPONENT`, or the build's."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.environ.get("BACKSTOP_COMPONENT") or BUILT


def record(**fields):
    """Returns a record of the contract; its `max-blob-bytes` is given as `max_blob_bytes`."""
    value = Record()
    for name, field in fields.items():
        setattr(value, name.replace("_", "-"), field)
    return value


class PolicyComponent:
    """A compiled component, of which any number of policies are made.

    Raises OSError if the file cannot be read, and WasmtimeError if it is no component.
    """

    def __init__(self, path):
        self._engine = Engine()
        self._component = Component.from_file(self._engine, path)

    def instantiate(self, storage=None, validator=None):
        """Returns a policy on the imports; without them, it can answer for the planner.

        `storage` has `load(organization)` and `commit(organization, expected_revision, change_set)`,
        `validator` has `validate(organization, backend, generation)`.
        """
        linker = Linker(self._engine)
        if storage is None:
            linker.define_unknown_imports_as_traps(self._component)
        else:
            with linker.root() as root:
                with root.add_instance(_PACKAGE.format("storage")) as instance:
                    instance.add_func("load", _without_store(storage.load))
                    instance.add_func("commit", _without_store(storage.commit))
                with root.add_instance(_PACKAGE.format("validator")) as instance:
                    instance.add_func("validate", _without_store(validator.validate))
        return _Policy(self._engine, self._component, linker)


class _Policy:
    def __init__(self, engine, component, linker):
        self._engine = engine
        self._component = component
        self._linker = linker
        self._entered = None

    def call(self, name, *args):
        """Calls a function of the interface `planner` or `control`, such as `planner.select`.

        An error of the contract is part of the value that is returned. An exception is a bug of the
        component, or comes from an import; the instance may have stopped in the middle of something,
        so it is never entered again, and the next call gets a new one.
        """
        if self._entered is None:
            store = Store(self._engine)
            self._entered = store, self._linker.instantiate(store, self._component), {}
        store, instance, functions = self._entered
        try:
            if name not in functions:
                functions[name] = self._function(store, instance, name)
            return functions[name](store, *args)
        except BaseException:
            self._entered = None
            raise

    def _function(self, store, instance, name):
        face, function = name.split(".")
        index = self._component.get_export_index(_PACKAGE.format(face))
        index = self._component.get_export_index(function, index) if index else None
        if index is None:
            raise LookupError(f"the component has no function `{name}`")
        return instance.get_func(store, index)


def _without_store(function):
    # Wasmtime passes the store that calls; what is here has no use for it.
    return lambda _store, *args: function(*args)
