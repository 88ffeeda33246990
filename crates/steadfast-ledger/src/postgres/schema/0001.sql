-- What is true of the whole: which migrations were applied.
CREATE TABLE steadfast.about (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    product text    NOT NULL DEFAULT 'steadfast ledger',
    version integer NOT NULL
);

-- What happened. The digest of a record is over the bytes of `json`; `chain` binds it to all before it.
CREATE TABLE steadfast.record (
    seq      bigint PRIMARY KEY,
    at       bigint NOT NULL,  -- microseconds since 1970, rounded down; like run and check_id a copy, to search by
    run      text COLLATE "C",
    check_id text COLLATE "C",
    chain    bytea NOT NULL CHECK (octet_length(chain) = 32),
    json     text NOT NULL
);
CREATE INDEX record_at ON steadfast.record (at);
CREATE INDEX record_run ON steadfast.record (run, seq) WHERE run IS NOT NULL;
CREATE INDEX record_check ON steadfast.record (check_id, seq) WHERE check_id IS NOT NULL;

-- The end of the chain. Whoever appends locks this row first, so that the chain cannot fork.
CREATE TABLE steadfast.head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    seq    bigint NOT NULL,
    chain  bytea  NOT NULL CHECK (octet_length(chain) = 32)
);
INSERT INTO steadfast.head (seq, chain) VALUES (0, decode(repeat('00', 32), 'hex'));

-- What was seen, once for all records that saw the same.
CREATE TABLE steadfast.payload (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    bytes  bytea NOT NULL
);

-- Which records keep their payload. A payload that none keeps is dropped with the last row here.
CREATE TABLE steadfast.kept (
    seq          bigint PRIMARY KEY,
    payload      bytea   NOT NULL CHECK (octet_length(payload) = 32),
    until_pruned boolean NOT NULL
);
CREATE INDEX kept_payload ON steadfast.kept (payload);

-- The newest green observation of each check and look.
CREATE TABLE steadfast.green (
    check_id text COLLATE "C" NOT NULL,
    look     bytea  NOT NULL CHECK (octet_length(look) = 32),
    seq      bigint NOT NULL,
    PRIMARY KEY (check_id, look)
);
CREATE INDEX green_seq ON steadfast.green (seq);

-- Derived from the records, and rebuildable from them.
CREATE TABLE steadfast.projection (
    name  text COLLATE "C" NOT NULL,
    key   text COLLATE "C" NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (name, key)
);
