-- What the policy promises, the database enforces once more (HOST-2): whoever writes to it, it cannot
-- hold two defaults, a role that names nobody, two live backends of one name, or an id twice.

CREATE TABLE IF NOT EXISTS organization (
    id TEXT NOT NULL PRIMARY KEY,
    -- Every commit compares and swaps it (USE-2).
    revision INTEGER NOT NULL,
    -- One column, so two defaults cannot be written down (INV-1).
    default_backend TEXT,
    -- What the last commit announced (EVT). No reference: it is a record, not a role.
    route TEXT,
    -- The settings, as the contract's JSON.
    policy TEXT NOT NULL,
    -- Constant: with it, a role can only refer to a row of `backend` whose `live` is 1 too.
    live INTEGER NOT NULL DEFAULT 1 CHECK (live = 1),
    FOREIGN KEY (id, default_backend, live) REFERENCES backend (organization, id, live)
        DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE IF NOT EXISTS backend (
    -- Over all organizations, live and deleted: an id is never used again.
    id TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id) DEFERRABLE INITIALLY DEFERRED,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    location TEXT NOT NULL,
    description TEXT NOT NULL,
    max_blob_bytes INTEGER NOT NULL,
    mode TEXT NOT NULL,
    generation INTEGER NOT NULL,
    -- What is known of its health, as the contract's JSON.
    health TEXT NOT NULL,
    -- 1, or none once deleted: the row stays, for downloads (INV-8), and no role can refer to it.
    live INTEGER DEFAULT 1 CHECK (live = 1),
    UNIQUE (organization, id, live)
) STRICT;

-- A name is unique among the live backends, and free again afterwards (INV-3).
CREATE UNIQUE INDEX IF NOT EXISTS backend_name ON backend (organization, name) WHERE live = 1;
-- INV-4.
CREATE UNIQUE INDEX IF NOT EXISTS backend_kind ON backend (organization, kind)
    WHERE live = 1 AND kind <> 'external';

-- The chain.
CREATE TABLE IF NOT EXISTS fallback (
    organization TEXT NOT NULL REFERENCES organization (id),
    place INTEGER NOT NULL,
    backend TEXT NOT NULL,
    live INTEGER NOT NULL DEFAULT 1 CHECK (live = 1),
    PRIMARY KEY (organization, place),
    UNIQUE (organization, backend),
    FOREIGN KEY (organization, backend, live) REFERENCES backend (organization, id, live)
        DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE IF NOT EXISTS event (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    organization TEXT NOT NULL,
    revision INTEGER NOT NULL,
    -- The whole event, as the contract's JSON.
    body TEXT NOT NULL
) STRICT;
