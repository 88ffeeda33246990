-- What happened. The digest of a record is over the bytes of `json`; `chain` binds it to all before it.
CREATE TABLE record (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,  -- microseconds since 1970, rounded down; like run and check_id a copy, to search by
    run      TEXT,
    check_id TEXT,
    chain    BLOB NOT NULL CHECK (length(chain) = 32),
    json     TEXT NOT NULL
) STRICT;
CREATE INDEX record_at ON record (at);
CREATE INDEX record_run ON record (run) WHERE run IS NOT NULL;
CREATE INDEX record_check ON record (check_id) WHERE check_id IS NOT NULL;

-- The end of the chain, so that a tail that is cut off is missed.
CREATE TABLE head (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    seq   INTEGER NOT NULL,
    chain BLOB NOT NULL CHECK (length(chain) = 32)
) STRICT;
INSERT INTO head VALUES (1, 0, zeroblob(32));

-- What was seen, once for all records that saw the same.
CREATE TABLE payload (
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    bytes  BLOB NOT NULL
) STRICT;

-- Which records keep their payload. A payload that none keeps is dropped with the last row here.
CREATE TABLE kept (
    seq          INTEGER PRIMARY KEY,
    payload      BLOB NOT NULL CHECK (length(payload) = 32),
    until_pruned INTEGER NOT NULL CHECK (until_pruned IN (0, 1))
) STRICT;
CREATE INDEX kept_payload ON kept (payload);

-- The newest green observation of each check and look.
CREATE TABLE green (
    check_id TEXT NOT NULL,
    look     BLOB NOT NULL CHECK (length(look) = 32),
    seq      INTEGER NOT NULL,
    PRIMARY KEY (check_id, look)
) STRICT, WITHOUT ROWID;
CREATE INDEX green_seq ON green (seq);

-- Derived from the records, and rebuildable from them.
CREATE TABLE projection (
    name  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;
