"""python3 -m unittest, in this folder; `BACKSTOP_COMPONENT` may name another component."""

import os
import pathlib
import subprocess
import sys
import unittest

from wasmtime import WasmtimeError

from memory import MemoryStorage, MemoryValidator
from policy import BUILT, PolicyComponent, record

HERE = pathlib.Path(__file__).resolve().parent
COMPONENT = os.environ.get("BACKSTOP_COMPONENT") or BUILT

SAID = """\
added `primary`, revision 2
added `spare`, revision 3
a write goes to `primary`
  default: primary selected
  fallback (1): spare not-reached
`primary` fails: network, connection refused
a write goes to `spare`, degraded
  default: primary invalid (network)
  fallback (1): spare selected
`spare` fails: quota, the bucket is full
a write is refused: unavailable, try again in 5 s
  default: primary invalid (network)
  fallback (1): spare invalid (quota)
"""

# A million would take half an hour, nearly all of it for converting values, in Python.
SELECTIONS = 10_000

CONTEXT = record(organization="acme", actor="operator", by="organization", now=1_000, seen=None)


class PolicyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.component = PolicyComponent(COMPONENT)

    def on_memory(self):
        planner = self.component.instantiate()
        storage = MemoryStorage(lambda *args: planner.call("planner.apply", *args))
        return storage, MemoryValidator(lambda: CONTEXT.now)

    def test_a_file_that_is_no_component_is_refused(self):
        with self.assertRaises(WasmtimeError):
            PolicyComponent(__file__)

    def test_an_error_of_the_contract_is_a_value(self):
        policy = self.component.instantiate(*self.on_memory())
        result = policy.call("control.resolve", record(size=None), CONTEXT)
        self.assertEqual(result.tag, "err")
        self.assertEqual(result.payload.codes, ["organization-not-found"])

    def test_an_error_of_the_storage_reaches_the_caller_as_the_contract_says(self):
        storage, validator = self.on_memory()
        storage.load = lambda _organization: "the disk is gone"
        policy = self.component.instantiate(storage, validator)
        result = policy.call("control.resolve", record(size=None), CONTEXT)
        self.assertEqual((result.tag, result.payload), ("err", "the disk is gone"))

    def test_a_broken_storage_costs_one_call_and_not_the_policy(self):
        def raises():
            raise ZeroDivisionError("a bug of the storage")

        for what, answer, error in [
            ("it raises", raises, ZeroDivisionError),
            ("its answer has the wrong shape", lambda: record(revision=1), AttributeError),
        ]:
            with self.subTest(what):
                storage, validator = self.on_memory()
                storage.load = lambda _organization: answer()
                policy = self.component.instantiate(storage, validator)
                with self.assertRaises(error):
                    policy.call("control.resolve", record(size=None), CONTEXT)
                result = policy.call("control.create-organization", "embedded", CONTEXT)
                self.assertEqual(result.payload.roster.revision, 1)

    def test_a_policy_without_imports_answers_for_the_planner_alone(self):
        policy = self.component.instantiate()
        with self.assertRaises(WasmtimeError):
            policy.call("control.create-organization", "embedded", CONTEXT)
        plan = policy.call("planner.create-organization", "embedded", CONTEXT)
        self.assertEqual(plan.roster.default, "embedded")

    def test_many_selections_need_no_more_memory_than_the_first(self):
        def backend(name, **health):
            return record(
                id=name,
                name=name,
                kind="external",
                provider="OCI",
                location=f"registry.example/{name}",
                description="",
                max_blob_bytes=1_000_000,
                mode="ready",
                generation=1,
                health=record(
                    since=900, checked_at=900, failures=0, successes=0, excuse=None, **health
                ),
            )

        down = {"status": "invalid", "failure": record(**{"class": "timeout", "message": "no answer", "at": 900})}
        up = {"status": "valid", "failure": None}
        policy = self.component.instantiate()

        def select(spare, description=""):
            roster = policy.call("planner.create-organization", "embedded", CONTEXT).roster
            roster.default, roster.fallbacks = "main", ["spare"]
            roster.backends = [backend("main", **down), backend("spare", **spare)]
            roster.backends[0].description = description
            return lambda: policy.call("planner.select", roster, record(size=1_000), 1_000)

        calls = [select(up), select(down)]
        for call in calls * 10:
            call()
        # Wasmtime for Python hands out no memory of a component, but from now on it lets none grow.
        store, instance, _ = policy._entered
        store.set_limits(memory_size=1)
        for number in range(SELECTIONS):
            calls[number % 2]()
        self.assertIs(policy._entered[1], instance)
        # And it would have been noticed.
        with self.assertRaises(WasmtimeError):
            select(up, "x" * 10_000_000)()

    def test_a_function_that_does_not_exist_is_named(self):
        with self.assertRaisesRegex(LookupError, "the component has no function `planner.guess`"):
            self.component.instantiate().call("planner.guess")

    def test_the_example_tells_of_the_fallback_and_of_the_honest_refusal(self):
        said = subprocess.run(
            [sys.executable, HERE / "main.py", COMPONENT], check=True, capture_output=True, text=True
        )
        self.assertEqual(said.stdout, SAID)


if __name__ == "__main__":
    unittest.main()
