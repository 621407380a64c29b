"""A default backend, a fallback that takes over, and an honest refusal when neither works.

python3 main.py [component.wasm]
"""

from memory import MemoryStorage, MemoryValidator
from policy import PolicyComponent, component_path, record

MINUTE = 60_000


class Example:
    """An organization with its backends, and a clock that only moves when it is told to."""

    def __init__(self, component):
        self.now = 1_767_268_800_000  # 2026-01-01, 12:00 UTC
        # A component cannot be entered while it waits for an import, so the storage asks another
        # instance what a change-set leads to.
        planner = component.instantiate()
        storage = MemoryStorage(lambda *args: planner.call("planner.apply", *args))
        self.validator = MemoryValidator(lambda: self.now)
        self.policy = component.instantiate(storage, self.validator)
        self.call("control.create-organization", "embedded")

    def call(self, name, *args):
        context = record(organization="acme", actor="operator", by="organization", now=self.now, seen=None)
        result = self.policy.call(name, *args, context)
        if result.tag == "err":
            raise RuntimeError(f"{name} was refused: {vars(result.payload)}")
        return result.payload

    def add(self, backend, default=False, fallback=False):
        plan = self.call(
            "control.create",
            record(
                id=backend,
                name=backend,
                kind="external",
                provider="OCI",
                location=f"registry.example/{backend}",
                description="",
                max_blob_bytes=None,
                mode="ready",
                default=default,
                fallback=fallback,
                checked=False,
            ),
        )
        print(f"added `{backend}`, revision {plan.roster.revision}")

    def break_down(self, backend, failure_class, message):
        self.now += MINUTE
        self.validator.fail(backend, failure_class, message)
        failure = self.call("control.validate", backend).probe.outcome
        print(f"`{backend}` fails: {getattr(failure, 'class')}, {failure.message}")

    def write(self):
        answer = self.call("control.resolve", record(size=None)).answer
        if answer.tag == "ok":
            decision = answer.payload
            degraded = ", degraded" if decision.degraded else ""
            print(f"a write goes to `{decision.backend.name}`{degraded}")
        else:
            reason = answer.payload.reason
            wait = "" if reason.payload is None else f", try again in {(reason.payload - self.now) // 1000} s"
            print(f"a write is refused: {reason.tag}{wait}")
        for entry in answer.payload.trace:
            name = entry.backend.name if entry.backend else "nobody"
            print(f"  {spell(entry.position)}: {name} {spell(entry.verdict)}")


def spell(variant):
    """Spells a variant: its code, and what it carries."""
    return variant.tag if variant.payload is None else f"{variant.tag} ({variant.payload})"


def main():
    example = Example(PolicyComponent(component_path()))
    example.add("primary", default=True)
    example.add("spare", fallback=True)
    example.write()
    example.break_down("primary", "network", "connection refused")
    example.write()
    example.break_down("spare", "quota", "the bucket is full")
    example.write()


if __name__ == "__main__":
    main()
