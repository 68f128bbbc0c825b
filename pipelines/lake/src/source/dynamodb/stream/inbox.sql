-- What is known of each item: the newest change that was taken in, and what was told of it.
CREATE TABLE latest (
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    micros INTEGER NOT NULL,
    tick INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    told TEXT NOT NULL,
    links TEXT NOT NULL,
    is_doubtful INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE INDEX doubtful ON latest (source) WHERE is_doubtful = 1;

-- What waits for the lake, in the order of arrival (microseconds since 1970, each once).
CREATE TABLE arrivals (
    arrival INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    item TEXT,                  -- DynamoDB JSON; of a deletion the key
    changed_at INTEGER,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    is_expired INTEGER NOT NULL DEFAULT 0,
    place TEXT,                 -- these three of a record that is no change
    reason TEXT,
    record TEXT
);
CREATE INDEX arrivals_of_source ON arrivals (source, arrival);
CREATE UNIQUE INDEX rejected_once ON arrivals (source, place) WHERE place IS NOT NULL;

-- No arrival is before it: windows up to there were read.
CREATE TABLE read_until (only INTEGER PRIMARY KEY CHECK (only = 1), micros INTEGER NOT NULL);
INSERT INTO read_until VALUES (1, 0);

-- Where our own consumer is.
CREATE TABLE shards (
    stream TEXT NOT NULL,
    shard TEXT NOT NULL,
    starts_at INTEGER,          -- microseconds; none: with the oldest record
    sequence TEXT,              -- the last record whose change is in this file
    is_closed INTEGER NOT NULL DEFAULT 0,
    failed_sequence TEXT,       -- the record that a batch failed with, and how often
    attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (stream, shard)
) WITHOUT ROWID;
