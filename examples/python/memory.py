"""What a host of the policy provides, in memory: a storage for rosters, and a validator of backends.

Wasmtime for Python spells a variant as its payload where the payloads tell the cases apart, with None
for the case without one, and as a `Variant` where they do not.
"""

from wasmtime.component import Variant

from policy import record

# Stands for an organization that does not exist: what its first commit is applied to.
_NOTHING = record(
    revision=0,
    default=None,
    fallbacks=[],
    policy=record(
        max_fallbacks=1,
        fall=1,
        rise=1,
        hold_down=0,
        stale_after=2_100_000,
        check_every=1_800_000,
        check_others_every=86_400_000,
        tail=[],
        last_resort="refuse",
    ),
    route=None,
    backends=[],
)


class MemoryStorage:
    """Keeps rosters, by organization; for one thread."""

    def __init__(self, apply):
        """`apply` is `planner.apply` of a policy other than the one that uses this storage."""
        self._apply = apply
        self._rosters = {}

    def load(self, organization):
        """Returns the roster: None means `organization-not-found`, a text would mean `failed`."""
        return self._rosters.get(organization)

    def commit(self, organization, expected_revision, change_set):
        """Returns the new revision, or the case of `commit-error`."""
        roster = self._rosters.get(organization, _NOTHING)
        if roster.revision != expected_revision:
            return Variant("conflict")
        self._rosters[organization] = self._apply(roster, change_set)
        return change_set.revision


class MemoryValidator:
    """Probes backends: those that `fail` was called for fail."""

    def __init__(self, now):
        """`now` returns the time in milliseconds since the epoch."""
        self._now = now
        self._failures = {}

    def fail(self, backend, failure_class, message):
        """Makes every probe of the backend fail, with a class of the contract and a text for people."""
        self._failures[backend] = record(**{"class": failure_class, "message": message})

    def validate(self, organization, backend, generation):
        """Returns how the probe ended: the outcome is None for `ok`, else the failure."""
        return record(outcome=self._failures.get(backend), finished_at=self._now())
