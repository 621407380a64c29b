-- The first schema. A released migration is never edited: a change is a new file.
--
-- The second fence (HOST-2): what INV-1, INV-3, INV-4 and INV-5 forbid, the database cannot hold,
-- whoever writes to it. A constraint is named after the code of the rule that it enforces.
-- Rows of backends are never removed: an id is taken for ever, and downloads need what is gone.

CREATE TABLE organization (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (name <> ''),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799999),
    -- Its name is free from then on; what it did is kept.
    deleted_at INTEGER CHECK (deleted_at BETWEEN 0 AND 253402300799999),
    -- Every commit compares and swaps it (USE-2).
    revision INTEGER NOT NULL CHECK (revision BETWEEN 1 AND 9007199254740991),
    -- The sequence of the last event. Counted here and not by a generator, so that the order of the
    -- sequences is the order of the commits, without a gap.
    last_event INTEGER NOT NULL DEFAULT 0 CHECK (last_event >= 0),

    -- One column, so two defaults cannot be written down (INV-1).
    default_backend TEXT,
    -- What the last commit announced (EVT). Deliberately no reference: it is a record, not a role.
    route TEXT,
    -- Constant: with it, a role can only refer to a row of `backend` whose `live` is 1 too.
    live INTEGER NOT NULL DEFAULT 1 CHECK (live = 1),

    max_fallbacks INTEGER NOT NULL,
    fall INTEGER NOT NULL,
    rise INTEGER NOT NULL,
    hold_down INTEGER NOT NULL,
    stale_after INTEGER NOT NULL,
    check_every INTEGER NOT NULL,
    check_others_every INTEGER NOT NULL,
    tail TEXT NOT NULL,
    last_resort TEXT NOT NULL,
    CONSTRAINT "policy-invalid" CHECK (
        max_fallbacks BETWEEN 0 AND 16
        AND fall BETWEEN 1 AND 100
        AND rise BETWEEN 1 AND 100
        AND hold_down BETWEEN 0 AND 31536000000
        AND stale_after BETWEEN 0 AND 31536000000
        AND check_every BETWEEN 1000 AND 31536000000
        AND check_others_every BETWEEN 1000 AND 31536000000
        AND tail IN ('', 'inline', 'managed', 'inline,managed', 'managed,inline')
        AND last_resort IN ('least-bad', 'refuse')
    ),

    FOREIGN KEY (id, default_backend, live) REFERENCES backend (organization, id, live)
) STRICT;

CREATE UNIQUE INDEX organization_name ON organization (name) WHERE deleted_at IS NULL;

CREATE TABLE backend (
    -- Over the rows of every organization, live and deleted: never used again (HOST-2).
    id TEXT NOT NULL PRIMARY KEY
        CONSTRAINT "id-invalid" CHECK (length(id) BETWEEN 1 AND 64 AND id NOT GLOB '*[^!-~]*'),
    organization INTEGER NOT NULL REFERENCES organization (id),
    name TEXT NOT NULL CONSTRAINT "name-invalid" CHECK (
        length(name) BETWEEN 1 AND 63
        AND name NOT GLOB '*[^-a-z0-9]*' AND name NOT GLOB '-*' AND name NOT GLOB '*-'
    ),
    kind TEXT NOT NULL CHECK (kind IN ('external', 'inline', 'managed')),
    provider TEXT NOT NULL,
    location TEXT NOT NULL,
    description TEXT NOT NULL,
    max_blob_bytes INTEGER NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('drain', 'maintenance', 'ready')),
    generation INTEGER NOT NULL CHECK (generation BETWEEN 1 AND 9007199254740991),

    status TEXT NOT NULL CHECK (status IN ('invalid', 'valid')),
    since INTEGER CHECK (since BETWEEN 0 AND 253402300799999),
    checked_at INTEGER CHECK (checked_at BETWEEN 0 AND 253402300799999),
    failures INTEGER NOT NULL CHECK (failures BETWEEN 0 AND 4294967295),
    successes INTEGER NOT NULL CHECK (successes BETWEEN 0 AND 4294967295),
    failure_class TEXT CHECK (failure_class IN (
        'auth', 'configuration', 'integrity', 'internal', 'network', 'not-found', 'permission',
        'quota', 'secrets', 'server', 'throttled', 'timeout'
    )),
    failure_message TEXT,
    excuse TEXT CHECK (excuse IN (
        'auth', 'configuration', 'integrity', 'internal', 'network', 'not-found', 'permission',
        'quota', 'secrets', 'server', 'throttled', 'timeout'
    )),

    created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799999),
    deleted_at INTEGER CHECK (deleted_at BETWEEN 0 AND 253402300799999),
    -- 1, or none once deleted: a role refers to it, and so cannot name a deleted backend (INV-1).
    live INTEGER DEFAULT 1 CHECK (live = 1),

    CHECK ((deleted_at IS NULL) = (live IS NOT NULL)),
    CHECK ((failure_class IS NULL) = (failure_message IS NULL)),
    CONSTRAINT "field-empty" CHECK (kind = 'inline' OR (provider <> '' AND location <> '')),
    CONSTRAINT "field-too-long" CHECK (
        length(provider) <= 64 AND length(location) <= 2048 AND length(description) <= 1024
        AND length(failure_message) <= 1024
    ),
    CONSTRAINT "inline-limit-fixed" CHECK (kind <> 'inline' OR max_blob_bytes = 512000),
    CONSTRAINT "limit-too-small" CHECK (kind = 'inline' OR max_blob_bytes >= 10485760),
    CONSTRAINT "limit-too-large" CHECK (max_blob_bytes <= 9007199254740991),
    -- What roles and secrets refer to.
    UNIQUE (organization, id, live),
    UNIQUE (id, generation)
) STRICT;

-- INV-3: a name is unique among the live backends, and free again afterwards.
CREATE UNIQUE INDEX backend_name ON backend (organization, name) WHERE deleted_at IS NULL;
-- INV-4.
CREATE UNIQUE INDEX backend_inline ON backend (organization)
    WHERE kind = 'inline' AND deleted_at IS NULL;
CREATE UNIQUE INDEX backend_managed ON backend (organization)
    WHERE kind = 'managed' AND deleted_at IS NULL;

-- The chain.
CREATE TABLE fallback (
    organization INTEGER NOT NULL REFERENCES organization (id),
    place INTEGER NOT NULL CONSTRAINT "chain-full" CHECK (place BETWEEN 1 AND 16),
    backend TEXT NOT NULL,
    live INTEGER NOT NULL DEFAULT 1 CHECK (live = 1),
    PRIMARY KEY (organization, place),
    UNIQUE (organization, backend),
    FOREIGN KEY (organization, backend, live) REFERENCES backend (organization, id, live)
) STRICT, WITHOUT ROWID;

-- INV-1: no id holds two roles.
CREATE TRIGGER fallback_inserted BEFORE INSERT ON fallback
WHEN EXISTS (SELECT 1 FROM organization WHERE id = NEW.organization AND default_backend = NEW.backend)
BEGIN SELECT RAISE(ABORT, 'role-duplicate'); END;

CREATE TRIGGER fallback_updated BEFORE UPDATE ON fallback
WHEN EXISTS (SELECT 1 FROM organization WHERE id = NEW.organization AND default_backend = NEW.backend)
BEGIN SELECT RAISE(ABORT, 'role-duplicate'); END;

CREATE TRIGGER default_updated BEFORE UPDATE OF id, default_backend ON organization
WHEN EXISTS (SELECT 1 FROM fallback WHERE organization = NEW.id AND backend = NEW.default_backend)
BEGIN SELECT RAISE(ABORT, 'role-duplicate'); END;

-- HOST-2: an id stays taken.
CREATE TRIGGER backend_kept BEFORE DELETE ON backend
BEGIN SELECT RAISE(ABORT, 'id-taken'); END;

CREATE TRIGGER backend_id_kept BEFORE UPDATE OF id, organization ON backend
WHEN NEW.id <> OLD.id OR NEW.organization <> OLD.organization
BEGIN SELECT RAISE(ABORT, 'id-taken'); END;

-- Sealed credentials: those of a backend's current generation, of live and of deleted backends.
-- One row per backend, and a reference to its generation: those of another cannot stay behind.
CREATE TABLE secret (
    backend TEXT NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    FOREIGN KEY (backend, generation) REFERENCES backend (id, generation)
) STRICT;

CREATE TABLE event (
    organization INTEGER NOT NULL REFERENCES organization (id),
    -- From 1, without a gap, in the order of the commits.
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL CHECK (at BETWEEN 0 AND 253402300799999),
    -- The whole event.
    body TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (organization, sequence)
) STRICT, WITHOUT ROWID;
