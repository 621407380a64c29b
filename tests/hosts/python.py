"""The player of the component in Wasmtime for Python; see README.md.

python3 tests/hosts/python.py [component.wasm]

`pip install -r examples/python/requirements.txt` installs what it needs.
"""

import functools
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "python"))

from wasmtime.component import Record, Variant

from policy import PolicyComponent, component_path

CONTRACT = json.loads((ROOT / "wit" / "contract.json").read_text(encoding="utf-8"))


# ---- Values: JSON to Wasmtime's, and back ----


def per_type(build):
    """Makes the function that `build` makes for a type, once for each that has a name."""
    by_name = functools.cache(lambda name: build(CONTRACT["types"].get(name, name)))
    return lambda ty: by_name(ty) if isinstance(ty, str) else build(ty)


def cases(ty):
    """Returns the cases of what Wasmtime treats as a variant: pairs of a name and a type or None."""
    if "variant" in ty:
        return [(case["name"], case["type"]) for case in ty["variant"]]
    if "option" in ty:
        return [("none", None), ("some", ty["option"])]
    return [("ok", ty["result"]["ok"]), ("err", ty["result"]["err"])]


@per_type
def classes(ty):
    """Returns the Python classes of a type's values."""
    if isinstance(ty, str):
        return {"u32": {int}, "u64": {int}, "bool": {bool}, "string": {str}}[ty]
    if "alias" in ty:
        return classes(ty["alias"])
    if "enum" in ty:
        return {str}
    if "list" in ty:
        return {list}
    if "record" in ty:
        return {Record}
    return {Variant} if tagged(ty) else set().union(*case_classes(ty))


def case_classes(ty):
    return [{object} if payload is None else classes(payload) for _, payload in cases(ty)]


def tagged(ty):
    """Returns whether values are a `Variant`: where classes do not tell the cases apart."""
    each = case_classes(ty)
    return len(set().union(*each)) < sum(map(len, each))


def same(value):
    return value


@per_type
def reader(ty):
    """Returns the function that makes Wasmtime's value of a type from a JSON value."""
    if isinstance(ty, str) or "enum" in ty:
        return same
    if "alias" in ty:
        return reader(ty["alias"])
    if "list" in ty:
        item = reader(ty["list"])
        return lambda value: [item(each) for each in value]
    if "record" in ty:
        fields = [(field["name"], reader(field["type"])) for field in ty["record"]]

        def read_record(value):
            made = Record()
            for name, read in fields:
                setattr(made, name, read(value[name]))
            return made

        return read_record
    if "option" in ty:
        some = reader(ty["option"])
        make = Variant if tagged(ty) else untagged
        return lambda value: make("none", None) if value is None else make("some", some(value))
    payloads = {name: payload and reader(payload) for name, payload in cases(ty)}
    make = Variant if tagged(ty) else untagged

    def read_variant(value):
        if isinstance(value, str):
            return make(value, None)
        [(name, payload)] = value.items()
        return make(name, payloads[name](payload))

    return read_variant


def untagged(_name, payload):
    return payload


@per_type
def writer(ty):
    """Returns the function that makes a JSON value from Wasmtime's value of a type."""
    if isinstance(ty, str) or "enum" in ty:
        return same
    if "alias" in ty:
        return writer(ty["alias"])
    if "list" in ty:
        item = writer(ty["list"])
        return lambda value: [item(each) for each in value]
    if "record" in ty:
        fields = [(field["name"], writer(field["type"])) for field in ty["record"]]
        return lambda value: {name: write(getattr(value, name)) for name, write in fields}
    case_of = split if tagged(ty) else guess(ty)
    payloads = {name: payload and writer(payload) for name, payload in cases(ty)}
    if "option" in ty:
        some = payloads["some"]

        def write_option(value):
            name, payload = case_of(value)
            return None if name == "none" else some(payload)

        return write_option

    def write_variant(value):
        name, payload = case_of(value)
        write = payloads[name]
        return name if write is None else {name: write(payload)}

    return write_variant


def split(value):
    return value.tag, value.payload


def guess(ty):
    """Returns the function that tells the case of an untagged value, and its payload."""
    by_class = [
        (tuple(found), name)
        for (name, payload), found in zip(cases(ty), case_classes(ty))
        if payload is not None
    ]
    empty = next((name for name, payload in cases(ty) if payload is None), None)

    def case_of(value):
        # None may be the case without a payload, or that of a payload; no type of the contract has both.
        if value is None and empty is not None:
            return empty, None
        return next((name, value) for found, name in by_class if isinstance(value, found))

    return case_of


# ---- Calls ----


def call(policy, request):
    """Calls a function with the parameters that a request names; returns its result as JSON."""
    face, _, name = request["call"].partition(".")
    signature = CONTRACT["exports"].get(face, {}).get(name)
    if signature is None:
        raise LookupError(f"there is no call `{request['call']}`")
    args = [reader(param["type"])(request[param["name"]]) for param in signature["params"]]
    return writer(signature["result"])(policy.call(request["call"], *args))


# Stands for an organization that does not exist: what its first commit is applied to.
NOTHING = reader("roster")(
    {
        "revision": 0,
        "default": None,
        "fallbacks": [],
        "policy": {
            "max-fallbacks": 1,
            "fall": 1,
            "rise": 1,
            "hold-down": 0,
            "stale-after": 2_100_000,
            "check-every": 1_800_000,
            "check-others-every": 86_400_000,
            "tail": [],
            "last-resort": "refuse",
        },
        "route": None,
        "backends": [],
    }
)

STORAGE = CONTRACT["imports"]["storage"]
loaded = reader(STORAGE["load"]["result"])
committed = reader(STORAGE["commit"]["result"])
write_roster = writer({"option": "roster"})


class Stage:
    """The host of one use case: what its request gives, and what came of it."""

    def __init__(self, given, planner):
        self.commits = 0
        self.probed = []
        self.roster = reader({"option": "roster"})(given["roster"])
        self._given = given
        self._conflicts = given["conflicts"]
        self._planner = planner

    def load(self, _organization):
        error = self._given["load-error"]
        if error is not None:
            return loaded({"err": {"failed": error}})
        if self.roster is None:
            return loaded({"err": "organization-not-found"})
        return self.roster

    def commit(self, _organization, expected_revision, change_set):
        self.commits += 1
        if self._conflicts > 0:
            self._conflicts -= 1
            return committed({"err": "conflict"})
        error = self._given["commit-error"]
        if error is not None:
            return committed({"err": error if error == "id-taken" else {"failed": error}})
        roster = NOTHING if self.roster is None else self.roster
        if roster.revision != expected_revision:
            return committed({"err": "conflict"})
        self.roster = self._planner.call("planner.apply", roster, change_set)
        return committed({"ok": self.roster.revision})

    def validate(self, _organization, backend, generation):
        self.probed.append([backend, generation])
        probe = {
            "outcome": self._given["outcomes"].get(backend, "ok"),
            "finished-at": self._given["finished-at"],
        }
        return reader("probe")(probe)


class Player:
    """Answers requests: pure calls on one instance, use cases on another over the stage of each."""

    def __init__(self, component):
        self._stage = None
        self._planner = component.instantiate()
        self._control = component.instantiate(storage=self, validator=self)

    def load(self, *args):
        return self._stage.load(*args)

    def commit(self, *args):
        return self._stage.commit(*args)

    def validate(self, *args):
        return self._stage.validate(*args)

    def answer(self, line):
        try:
            request = json.loads(line)
            if not request["call"].startswith("control."):
                answer = call(self._planner, request)
            else:
                self._stage = stage = Stage(request["given"], self._planner)
                result = call(self._control, request)
                answer = {
                    "commits": stage.commits,
                    "probed": stage.probed,
                    "result": result,
                    "roster": write_roster(stage.roster),
                }
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def main():
    player = Player(PolicyComponent(component_path()))
    # Bytes, since text would also end a line at other characters, and be in the system's encoding.
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(player.answer(line).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
