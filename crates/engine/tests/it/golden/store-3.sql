-- A store of format 3, in which revisions have types: an Express state machine beside a Standard one. It is never edited:
-- it must open for ever.
PRAGMA application_id = 1398230065;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE activity (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL
    );
CREATE TABLE alias (
        state_machine INTEGER NOT NULL,
        name TEXT NOT NULL,
        description TEXT,
        routes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (state_machine, name)
    ) WITHOUT ROWID;
CREATE TABLE definition (
        id INTEGER PRIMARY KEY,
        state_machine INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        text TEXT NOT NULL,
        role_arn TEXT NOT NULL,
        created_at INTEGER NOT NULL
    , settings TEXT NOT NULL DEFAULT '{}', type TEXT NOT NULL DEFAULT 'STANDARD');
INSERT INTO "definition" VALUES(1,1,1,'{"StartAt":"One","States":{"One":{"Type":"Pass","Result":1,"End":true}}}','arn:aws:iam::000000000000:role/stepwell',1767225600000,'{"logging":{"level":"OFF","includeExecutionData":false},"tracing":false}','EXPRESS');
INSERT INTO "definition" VALUES(2,2,1,'{"StartAt":"One","States":{"One":{"Type":"Pass","Result":2,"End":true}}}','arn:aws:iam::000000000000:role/stepwell',1767225600000,'{"logging":{"level":"OFF","includeExecutionData":false},"tracing":false}','STANDARD');
CREATE TABLE execution (
        id INTEGER PRIMARY KEY,
        state_machine INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        stopped_at INTEGER,
        next_wakeup INTEGER,
        open_tasks INTEGER NOT NULL,
        entries INTEGER NOT NULL
    , map_run INTEGER, map_index INTEGER, map_items INTEGER, version INTEGER, alias TEXT);
CREATE TABLE execution_data (
        execution INTEGER PRIMARY KEY,
        input TEXT NOT NULL,
        output TEXT,
        error TEXT,
        cause TEXT
    );
CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        first_seq INTEGER NOT NULL,
        count INTEGER NOT NULL,
        format INTEGER NOT NULL,
        entries BLOB NOT NULL
    );
CREATE TABLE map_run (
        id INTEGER PRIMARY KEY,
        execution INTEGER NOT NULL,
        scheduled INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        state INTEGER NOT NULL,
        label TEXT NOT NULL,
        uuid TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        stopped_at INTEGER,
        items INTEGER,
        max_concurrency INTEGER NOT NULL,
        tolerated_count INTEGER NOT NULL,
        tolerated_percentage REAL NOT NULL
    );
CREATE TABLE state_machine (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        definition INTEGER NOT NULL,
        created_at INTEGER NOT NULL
    , last_version INTEGER NOT NULL DEFAULT 0, tags TEXT NOT NULL DEFAULT '[]');
INSERT INTO "state_machine" VALUES(1,'quick','ACTIVE',1,1767225600000,0,'[]');
INSERT INTO "state_machine" VALUES(2,'slow','ACTIVE',2,1767225600000,0,'[]');
CREATE TABLE version (
        state_machine INTEGER NOT NULL,
        number INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        description TEXT,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (state_machine, number)
    ) WITHOUT ROWID;
CREATE UNIQUE INDEX execution_name ON execution (state_machine, name);
CREATE INDEX map_run_execution ON map_run (execution);
CREATE INDEX map_run_running ON map_run (id) WHERE status = 'RUNNING';
CREATE INDEX execution_map_run ON execution (map_run, map_index) WHERE map_run IS NOT NULL;
CREATE INDEX execution_running ON execution (id) WHERE status = 'RUNNING';
CREATE INDEX execution_status ON execution (status, state_machine) WHERE map_run IS NULL;
COMMIT;
