-- A store of format 1 as the first version left it when it was killed: one execution has ended, one waits for
-- its time, one has an open task. It is never edited: it must open for ever.
PRAGMA application_id = 1398230065;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE definition (
        id INTEGER PRIMARY KEY,
        state_machine INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        text TEXT NOT NULL,
        role_arn TEXT NOT NULL,
        created_at INTEGER NOT NULL
    );
INSERT INTO "definition" VALUES(1,1,1,'{"StartAt":"Call","States":{"Call":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:000000000000:function:gate","TimeoutSeconds":600,"ResultPath":"$.called","Next":"Rest"},"Rest":{"Type":"Wait","Seconds":60,"Next":"Done"},"Done":{"Type":"Succeed"}}}','arn:aws:iam::000000000000:role/stepwell',1767225600000);
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
    );
INSERT INTO "execution" VALUES(1,1,1,'ended','SUCCEEDED',1767225600000,1767225660000,NULL,0,12);
INSERT INTO "execution" VALUES(2,1,1,'waiting','RUNNING',1767225660000,NULL,1767225720000,0,8);
INSERT INTO "execution" VALUES(3,1,1,'calling','RUNNING',1767225660000,NULL,1767226260000,1,3);
CREATE TABLE execution_data (
        execution INTEGER PRIMARY KEY,
        input TEXT NOT NULL,
        output TEXT,
        error TEXT,
        cause TEXT
    );
INSERT INTO "execution_data" VALUES(1,'{"n":  1}','{"n":1,"called":{"n":1}}',NULL,NULL);
INSERT INTO "execution_data" VALUES(2,'{}',NULL,NULL,NULL);
INSERT INTO "execution_data" VALUES(3,'{}',NULL,NULL,NULL);
CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        first_seq INTEGER NOT NULL,
        count INTEGER NOT NULL,
        format INTEGER NOT NULL,
        entries BLOB NOT NULL
    );
INSERT INTO "journal" VALUES(268435456,0,3,1,CAST('[{"i":1,"t":1767225600000,"e":{"Es":{"i":{"t":"{\"n\":  1}"},"r":"arn:aws:iam::000000000000:role/stepwell"}}},{"i":2,"t":1767225600000,"e":{"Se":{"s":0,"k":"T","n":"Call","i":{"t":"{\"n\":  1}"}}}},{"i":3,"p":2,"t":1767225600000,"e":{"Tq":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"},"i":{"n":1},"d":600}}}]' AS BLOB));
INSERT INTO "journal" VALUES(268435457,3,5,1,CAST('[{"i":4,"p":3,"t":1767225600000,"e":{"Ts":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"}}}},{"i":5,"p":4,"t":1767225600000,"e":{"Tx":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"},"o":{"n":1}}}},{"i":6,"p":5,"t":1767225600000,"e":{"Sx":{"k":"T","n":"Call","o":{"n":1,"called":{"n":1}},"x":1}}},{"i":7,"p":6,"t":1767225600000,"e":{"Se":{"s":1,"k":"W","n":"Rest","i":{"v":{"n":1,"called":{"n":1}}}}}},{"p":7,"t":1767225600000,"e":{"Ws":{"u":1767225660000}}}]' AS BLOB));
INSERT INTO "journal" VALUES(268435458,8,4,1,CAST('[{"i":8,"p":7,"t":1767225660000,"e":{"Sx":{"k":"W","n":"Rest","o":{"n":1,"called":{"n":1}},"x":2}}},{"i":9,"p":8,"t":1767225660000,"e":{"Se":{"s":2,"k":"S","n":"Done","i":{"v":{"n":1,"called":{"n":1}}}}}},{"i":10,"p":9,"t":1767225660000,"e":{"Sx":{"k":"S","n":"Done","o":{"n":1,"called":{"n":1}}}}},{"i":11,"p":10,"t":1767225660000,"e":{"Ex":{"o":{"n":1,"called":{"n":1}}}}}]' AS BLOB));
INSERT INTO "journal" VALUES(536870912,0,3,1,CAST('[{"i":1,"t":1767225660000,"e":{"Es":{"i":{"v":{}},"r":"arn:aws:iam::000000000000:role/stepwell"}}},{"i":2,"t":1767225660000,"e":{"Se":{"s":0,"k":"T","n":"Call","i":{"v":{}}}}},{"i":3,"p":2,"t":1767225660000,"e":{"Tq":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"},"i":{},"d":600}}}]' AS BLOB));
INSERT INTO "journal" VALUES(536870913,3,5,1,CAST('[{"i":4,"p":3,"t":1767225660000,"e":{"Ts":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"}}}},{"i":5,"p":4,"t":1767225660000,"e":{"Tx":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"},"o":{}}}},{"i":6,"p":5,"t":1767225660000,"e":{"Sx":{"k":"T","n":"Call","o":{"called":{}},"x":1}}},{"i":7,"p":6,"t":1767225660000,"e":{"Se":{"s":1,"k":"W","n":"Rest","i":{"v":{"called":{}}}}}},{"p":7,"t":1767225660000,"e":{"Ws":{"u":1767225720000}}}]' AS BLOB));
INSERT INTO "journal" VALUES(805306368,0,3,1,CAST('[{"i":1,"t":1767225660000,"e":{"Es":{"i":{"v":{}},"r":"arn:aws:iam::000000000000:role/stepwell"}}},{"i":2,"t":1767225660000,"e":{"Se":{"s":0,"k":"T","n":"Call","i":{"v":{}}}}},{"i":3,"p":2,"t":1767225660000,"e":{"Tq":{"r":{"l":"arn:aws:lambda:us-east-1:000000000000:function:gate"},"i":{},"d":600}}}]' AS BLOB));
CREATE TABLE state_machine (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        definition INTEGER NOT NULL,
        created_at INTEGER NOT NULL
    );
INSERT INTO "state_machine" VALUES(1,'old','ACTIVE',1,1767225600000);
CREATE UNIQUE INDEX execution_name ON execution (state_machine, name);
CREATE INDEX execution_status ON execution (status, state_machine);
COMMIT;
