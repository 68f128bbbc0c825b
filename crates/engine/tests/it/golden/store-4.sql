-- A store of format 4 as the first version of it left it when it was killed: a Map run has children of type EXPRESS, which have no
-- journal. One of them has ended, two were at `gate`. It is never edited: it must open for ever.
PRAGMA application_id = 1398230065;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE activity (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL
    , tags TEXT NOT NULL DEFAULT '[]');
CREATE TABLE alias (
        state_machine INTEGER NOT NULL,
        name TEXT NOT NULL,
        description TEXT,
        routes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        PRIMARY KEY (state_machine, name)
    ) WITHOUT ROWID;
CREATE TABLE child_count (
        map_run INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        status TEXT NOT NULL,
        executions INTEGER NOT NULL,
        items INTEGER NOT NULL,
        PRIMARY KEY (map_run, attempt, status)
    ) WITHOUT ROWID;
INSERT INTO "child_count" VALUES(1,0,'RUNNING',2,2);
INSERT INTO "child_count" VALUES(1,0,'SUCCEEDED',1,1);
CREATE TABLE definition (
        id INTEGER PRIMARY KEY,
        state_machine INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        text TEXT NOT NULL,
        role_arn TEXT NOT NULL,
        created_at INTEGER NOT NULL
    , settings TEXT NOT NULL DEFAULT '{}', type TEXT NOT NULL DEFAULT 'STANDARD');
INSERT INTO "definition" VALUES(1,1,1,'{"StartAt":"Map","States":{"Map":{"Type":"Map","End":true,"Label":"each","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:gate","End":true}}},"MaxConcurrency":2}}}','arn:aws:iam::000000000000:role/stepwell',1767225600000,'{"logging":{"level":"OFF","includeExecutionData":false},"tracing":false}','STANDARD');
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
    , map_run INTEGER, map_index INTEGER, map_items INTEGER, version INTEGER, alias TEXT, redrives INTEGER NOT NULL DEFAULT 0, redriven_at INTEGER, map_attempt INTEGER NOT NULL DEFAULT 0);
INSERT INTO "execution" VALUES(1,1,1,'digging','RUNNING',1767225600000,NULL,NULL,1,4,NULL,NULL,NULL,NULL,NULL,0,NULL,0);
INSERT INTO "execution" VALUES(2,1,1,'5e41ab08-7439-811e-8000-000000000000','SUCCEEDED',1767225600000,1767225600000,NULL,0,0,1,0,1,NULL,NULL,0,NULL,0);
INSERT INTO "execution" VALUES(3,1,1,'5e41ab08-7439-811e-8000-000000000001','RUNNING',1767225600000,NULL,1767225600000,0,0,1,1,1,NULL,NULL,0,NULL,0);
INSERT INTO "execution" VALUES(4,1,1,'5e41ab08-7439-811e-8000-000000000002','RUNNING',1767225600000,NULL,1767225600000,0,0,1,2,1,NULL,NULL,0,NULL,0);
CREATE TABLE execution_data (
        execution INTEGER PRIMARY KEY,
        input TEXT NOT NULL,
        output TEXT,
        error TEXT,
        cause TEXT
    );
INSERT INTO "execution_data" VALUES(1,'[1,2,3]',NULL,NULL,NULL);
INSERT INTO "execution_data" VALUES(2,'1','1',NULL,NULL);
INSERT INTO "execution_data" VALUES(3,'2',NULL,NULL,NULL);
INSERT INTO "execution_data" VALUES(4,'3',NULL,NULL,NULL);
CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        first_seq INTEGER NOT NULL,
        count INTEGER NOT NULL,
        format INTEGER NOT NULL,
        entries BLOB NOT NULL
    );
INSERT INTO "journal" VALUES(268435456,0,4,1,X'5B7B2269223A312C2274223A313736373232353630303030302C2265223A7B224573223A7B2269223A7B2276223A5B312C322C335D7D2C2272223A2261726E3A6177733A69616D3A3A3030303030303030303030303A726F6C652F7374657077656C6C227D7D7D2C7B2269223A322C2274223A313736373232353630303030302C2265223A7B225365223A7B2273223A302C226B223A224D222C226E223A224D6170222C2269223A7B2276223A5B312C322C335D7D7D7D7D2C7B2269223A332C2270223A322C2274223A313736373232353630303030302C2265223A7B224D73223A7B226C223A332C2263223A327D7D7D2C7B2269223A342C2270223A332C2274223A313736373232353630303030302C2265223A7B22526E223A7B2261223A2261726E3A6177733A7374617465733A75732D656173742D313A3030303030303030303030303A6D617052756E3A626564732F656163683A35653431616230382D373433392D343131652D623138642D366365393364366366316565222C2270223A7B2263223A327D7D7D7D5D');
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
    , redrives INTEGER NOT NULL DEFAULT 0, redriven_at INTEGER, error TEXT, cause TEXT);
INSERT INTO "map_run" VALUES(1,1,4,1,0,'each','5e41ab08-7439-411e-b18d-6ce93d6cf1ee','RUNNING',1767225600000,NULL,3,2,0,0.0,0,NULL,NULL,NULL);
CREATE TABLE state_machine (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        definition INTEGER NOT NULL,
        created_at INTEGER NOT NULL
    , last_version INTEGER NOT NULL DEFAULT 0, tags TEXT NOT NULL DEFAULT '[]');
INSERT INTO "state_machine" VALUES(1,'beds','ACTIVE',1,1767225600000,0,'[]');
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
CREATE INDEX execution_unsuccessful ON execution (map_run, map_index)
        WHERE map_run IS NOT NULL AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED');
COMMIT;
