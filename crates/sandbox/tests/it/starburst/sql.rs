//! What statements do, and how they fail.

use serde_json::{Value, json};
use stepwell_sandbox::starburst::{Options, Relation, Security, View};

use super::support::{Fixture, options};

/// The name of the error of each statement.
async fn errors(fixture: &Fixture, statements: &[(&str, &str)]) {
    for (sql, name) in statements {
        match fixture.run(sql).await {
            Ok(rows) => panic!("`{sql}` gives {rows:?}, not {name}"),
            Err(error) => assert_eq!(error["errorName"], *name, "`{sql}`: {error}"),
        }
    }
}

async fn works(fixture: &Fixture, statements: &[&str]) {
    for sql in statements {
        if let Err(error) = fixture.run(sql).await {
            panic!("`{sql}`: {error}");
        }
    }
}

fn view(fixture: &Fixture, name: &str) -> View {
    fixture.sandbox.galaxy_view("hive_dp", "s", name).unwrap()
}

/// With schema `hive_dp.s` and table `hive_dp.s.t (id bigint, name varchar(9))`.
async fn with_table(options: Options) -> Fixture {
    let fixture = Fixture::start(options).await;
    fixture.sql("CREATE SCHEMA hive_dp.s");
    fixture.sql("CREATE TABLE hive_dp.s.t (id bigint, name varchar(9))");
    fixture
}

#[tokio::test]
async fn schemas_are_made_once_and_dropped_when_empty() {
    let fixture = Fixture::small().await;
    errors(
        &fixture,
        &[
            ("CREATE SCHEMA nowhere.s", "CATALOG_NOT_FOUND"),
            ("CREATE SCHEMA s", "MISSING_CATALOG_NAME"),
            ("CREATE SCHEMA a.b.c", "SYNTAX_ERROR"),
            ("CREATE SCHEMA hive_dp.select", "SYNTAX_ERROR"),
            ("CREATE SCHEMA hive_dp.with-dash", "SYNTAX_ERROR"),
            ("DROP SCHEMA hive_dp.s", "SCHEMA_NOT_FOUND"),
        ],
    )
    .await;
    works(
        &fixture,
        &[
            "CREATE SCHEMA \"hive_dp\".\"S-1\" WITH (location = 's3://bucket/s')",
            "CREATE SCHEMA IF NOT EXISTS HIVE_DP.\"s-1\"",
            "CREATE TABLE hive_dp.\"s-1\".t (id bigint)",
        ],
    )
    .await;
    assert!(fixture.sandbox.galaxy_schema("hive_dp", "s-1").is_some());
    errors(
        &fixture,
        &[
            ("CREATE SCHEMA hive_dp.\"s-1\"", "SCHEMA_ALREADY_EXISTS"),
            ("DROP SCHEMA hive_dp.\"s-1\"", "SCHEMA_NOT_EMPTY"),
            ("DROP SCHEMA hive_dp.\"s-1\" RESTRICT", "SCHEMA_NOT_EMPTY"),
        ],
    )
    .await;
    works(
        &fixture,
        &["DROP SCHEMA hive_dp.\"s-1\" CASCADE", "DROP SCHEMA IF EXISTS hive_dp.\"s-1\""],
    )
    .await;
    assert!(fixture.sandbox.galaxy_schema("hive_dp", "s-1").is_none());
}

#[tokio::test]
async fn a_view_has_text_columns_comment_and_security() {
    let fixture = with_table(options()).await;
    works(&fixture, &["CREATE OR REPLACE VIEW \"hive_dp\".\"s\".\"a \"\"b\"\"\" COMMENT 'it''s; --' SECURITY INVOKER AS SELECT id, name AS \"group by\", 1 AS one FROM hive_dp.s.t"]).await;
    let made = view(&fixture, "a \"b\"");
    assert_eq!(made.sql, "SELECT id, name AS \"group by\", 1 AS one FROM hive_dp.s.t");
    assert_eq!((made.comment.as_deref(), made.security), (Some("it's; --"), Security::Invoker));
    let columns: Vec<_> =
        made.columns.iter().map(|it| (it.name.as_str(), it.r#type.as_str())).collect();
    assert_eq!(columns, [("id", "bigint"), ("group by", "varchar(9)"), ("one", "integer")]);
    assert_eq!(made.owner, fixture.sandbox.options().sql_user);
    assert_eq!(made.reads[0].name, "t");
    let text = fixture.run("SHOW CREATE VIEW hive_dp.s.\"a \"\"b\"\"\"").await.unwrap();
    assert_eq!(
        text[0][0],
        "CREATE VIEW hive_dp.s.\"a \"\"b\"\"\"\nCOMMENT 'it''s; --'\nSECURITY INVOKER AS\nSELECT id, name AS \"group by\", 1 AS one\nFROM hive_dp.s.t"
    );
}

#[tokio::test]
async fn views_that_cannot_be_are_refused_with_the_place() {
    let fixture = with_table(options()).await;
    errors(
        &fixture,
        &[
            ("CREATE VIEW hive_dp.none.v AS SELECT 1", "SCHEMA_NOT_FOUND"),
            ("CREATE VIEW none.s.v AS SELECT 1", "CATALOG_NOT_FOUND"),
            ("CREATE VIEW hive_dp.s.v AS SELECT id FROM hive_dp.s.none", "TABLE_NOT_FOUND"),
            ("CREATE VIEW hive_dp.s.v AS SELECT id FROM hive_dp.none.t", "SCHEMA_NOT_FOUND"),
            ("CREATE VIEW hive_dp.s.v AS SELECT id FROM none.s.t", "CATALOG_NOT_FOUND"),
            ("CREATE VIEW hive_dp.s.v AS SELECT nope FROM hive_dp.s.t", "COLUMN_NOT_FOUND"),
            ("CREATE VIEW hive_dp.s.v AS SELECT id, id FROM hive_dp.s.t", "DUPLICATE_COLUMN_NAME"),
            ("CREATE VIEW hive_dp.s.v AS SELECT id FROM t", "MISSING_CATALOG_NAME"),
            ("CREATE VIEW hive_dp.s.v AS SELECT * FROM ..", "SYNTAX_ERROR"),
            ("CREATE VIEW hive_dp.s.v AS SELECT * FROM hive_dp.s.t;", "SYNTAX_ERROR"),
            ("CREATE VIEW hive_dp.s.v AS SELECT * FROM hive_dp.s.mv$storage", "SYNTAX_ERROR"),
            ("CREATE VIEW hive_dp.s.t AS SELECT 1", "TABLE_ALREADY_EXISTS"),
            ("CREATE OR REPLACE VIEW hive_dp.s.t AS SELECT 1", "TABLE_ALREADY_EXISTS"),
        ],
    )
    .await;
    let error =
        fixture.run("CREATE VIEW hive_dp.s.v AS\nSELECT id FROM hive_dp.s.none").await.unwrap_err();
    assert_eq!(error["errorLocation"], json!({"lineNumber": 2, "columnNumber": 16}));
    assert_eq!(error["message"], "line 2:16: Table 'hive_dp.s.none' does not exist");
    works(&fixture, &["CREATE VIEW hive_dp.s.v AS SELECT id FROM hive_dp.s.t"]).await;
    errors(
        &fixture,
        &[
            ("CREATE VIEW hive_dp.s.v AS SELECT 1", "TABLE_ALREADY_EXISTS"),
            (
                "CREATE OR REPLACE VIEW hive_dp.s.v AS SELECT id FROM hive_dp.s.v",
                "VIEW_IS_RECURSIVE",
            ),
            ("DROP TABLE hive_dp.s.v", "TABLE_NOT_FOUND"),
            ("DROP VIEW hive_dp.s.t", "TABLE_NOT_FOUND"),
            ("DROP VIEW hive_dp.s.none", "TABLE_NOT_FOUND"),
        ],
    )
    .await;
    works(&fixture, &["DROP VIEW IF EXISTS hive_dp.s.none", "DROP VIEW hive_dp.s.v"]).await;
}

#[tokio::test]
async fn views_are_not_checked_if_so_wished() {
    let fixture = with_table(Options { check_views: false, ..options() }).await;
    works(&fixture, &["CREATE VIEW hive_dp.s.v AS SELECT id FROM none.s.t"]).await;
    assert_eq!(view(&fixture, "v").columns[0].name, "id");
}

#[tokio::test]
async fn a_view_fails_once_what_it_reads_is_gone() {
    let fixture = with_table(options()).await;
    works(
        &fixture,
        &[
            "CREATE VIEW hive_dp.s.v AS SELECT id FROM hive_dp.s.t",
            "CREATE VIEW hive_dp.s.w AS SELECT id FROM hive_dp.s.v",
            "SELECT id FROM hive_dp.s.w LIMIT 0",
            "DROP TABLE hive_dp.s.t",
        ],
    )
    .await;
    let error = fixture.run("SELECT id FROM hive_dp.s.w LIMIT 0").await.unwrap_err();
    assert_eq!(error["errorName"], "INVALID_VIEW");
    assert!(error["message"].as_str().unwrap().contains("'hive_dp.s.t' does not exist"), "{error}");
    errors(&fixture, &[("CREATE VIEW hive_dp.s.x AS SELECT id FROM hive_dp.s.w", "INVALID_VIEW")])
        .await;
}

#[tokio::test]
async fn comments_come_and_go_and_are_lost_when_a_view_is_replaced() {
    let create = "CREATE OR REPLACE VIEW hive_dp.s.v AS SELECT id FROM hive_dp.s.t";
    for replace_keeps_comments in [false, true] {
        let fixture = with_table(Options { replace_keeps_comments, ..options() }).await;
        works(
            &fixture,
            &[
                create,
                "COMMENT ON VIEW hive_dp.s.v IS 'a ''view'''",
                "COMMENT ON COLUMN hive_dp.s.v.id IS 'an id'",
            ],
        )
        .await;
        let made = view(&fixture, "v");
        assert_eq!(made.comment.as_deref(), Some("a 'view'"));
        let shown = fixture.run("SHOW COLUMNS FROM hive_dp.s.v").await.unwrap();
        assert_eq!(shown, [json!(["id", "bigint", "", "an id"])]);
        works(&fixture, &[create]).await;
        let kept = view(&fixture, "v");
        assert_eq!(kept.comment.is_some(), replace_keeps_comments);
        assert_eq!(kept.columns[0].comment.is_some(), replace_keeps_comments);
        works(&fixture, &["COMMENT ON VIEW hive_dp.s.v IS NULL"]).await;
        assert_eq!(view(&fixture, "v").comment, None);
        errors(
            &fixture,
            &[
                ("COMMENT ON COLUMN hive_dp.s.v.none IS 'x'", "COLUMN_NOT_FOUND"),
                ("COMMENT ON VIEW hive_dp.s.none IS 'x'", "TABLE_NOT_FOUND"),
                ("COMMENT ON VIEW hive_dp.s.t IS 'x'", "TABLE_NOT_FOUND"),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn comments_may_not_be_supported() {
    let fixture = with_table(Options { view_comments: false, ..options() }).await;
    works(&fixture, &["CREATE VIEW hive_dp.s.v COMMENT 'x' AS SELECT id FROM hive_dp.s.t"]).await;
    errors(
        &fixture,
        &[
            ("COMMENT ON VIEW hive_dp.s.v IS 'x'", "NOT_SUPPORTED"),
            ("COMMENT ON COLUMN hive_dp.s.v.id IS 'x'", "NOT_SUPPORTED"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_there_can_be_looked_up() {
    let fixture = with_table(options()).await;
    works(&fixture, &["CREATE VIEW hive_dp.s.v AS SELECT name FROM hive_dp.s.t"]).await;
    let looked_up = [
        ("SHOW SCHEMAS FROM hive_dp LIKE 's%'", json!([["s"]])),
        ("SHOW TABLES FROM hive_dp.s", json!([["t"], ["v"]])),
        (
            "SELECT table_name, table_type FROM \"hive_dp\".information_schema.tables WHERE table_schema = 's' ORDER BY table_name DESC",
            json!([["v", "VIEW"], ["t", "BASE TABLE"]]),
        ),
        (
            "SELECT view_definition FROM hive_dp.information_schema.views WHERE table_schema IN ('s', 'x') AND table_name <> 't'",
            json!([["SELECT name FROM hive_dp.s.t"]]),
        ),
        (
            "SELECT count(*) AS n FROM hive_dp.information_schema.schemata WHERE schema_name LIKE 'hand%'",
            json!([[1]]),
        ),
        (
            "SELECT comment FROM system.metadata.table_comments WHERE catalog_name = 'hive_dp' AND comment IS NULL AND table_name = 'v'",
            json!([[null]]),
        ),
        (
            "SELECT data_type AS \"type\" FROM hive_dp.information_schema.columns c WHERE c.table_name = 'v'",
            json!([["varchar(9)"]]),
        ),
        ("SELECT 1, 'x' y", json!([[1, "x"]])),
        ("SELECT name FROM hive_dp.s.v LIMIT 0", json!([])),
        ("SELECT count(*) FROM hive_dp.s.t", json!([[0]])),
        ("DESCRIBE hive_dp.s.v", json!([["name", "varchar(9)", "", ""]])),
    ];
    for (sql, rows) in looked_up {
        assert_eq!(Value::Array(fixture.run(sql).await.unwrap()), rows, "{sql}");
    }
    let catalogs = fixture.run("SHOW CATALOGS").await.unwrap();
    assert_eq!(catalogs, [json!(["hive_dp"]), json!(["lake"]), json!(["other"])]);
    errors(
        &fixture,
        &[
            ("SELECT nope FROM hive_dp.s.v LIMIT 0", "COLUMN_NOT_FOUND"),
            (
                "SELECT 1 FROM hive_dp.information_schema.tables WHERE nope = 'x'",
                "COLUMN_NOT_FOUND",
            ),
            ("SELECT * FROM hive_dp.s.none LIMIT 0", "TABLE_NOT_FOUND"),
            ("SHOW TABLES FROM hive_dp.none", "SCHEMA_NOT_FOUND"),
            ("SHOW CREATE VIEW hive_dp.s.t", "NOT_SUPPORTED"),
            ("SELECT a FROM (SELECT 1 a)", "NOT_SUPPORTED"),
            ("SELECT sum(id) FROM hive_dp.s.t", "NOT_SUPPORTED"),
            ("SELECT id FROM hive_dp.s.t WHERE id = 'x' OR id = 'y'", "NOT_SUPPORTED"),
            ("INSERT INTO hive_dp.s.t VALUES (1)", "NOT_SUPPORTED"),
            ("SELCT 1", "SYNTAX_ERROR"),
        ],
    )
    .await;
}

#[tokio::test]
async fn sep_tells_the_storage_of_materialized_views_and_empty_texts_without_any() {
    let fixture = Fixture::small().await;
    let sql = "SELECT name, storage_catalog, storage_schema, storage_table, freshness FROM system.metadata.materialized_views WHERE catalog_name = 'hive_dp' AND schema_name = 'materialized' ORDER BY name";
    let rows = fixture.run_on_sep(sql, None).await.unwrap();
    let names: Vec<&Value> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(names, ["bare_mv", "hive_mv", "iceberg-mv", "never_refreshed"]);
    assert_eq!(
        (&rows[1][1], &rows[1][2], &rows[1][4]),
        (&json!("lake"), &json!("mv_storage"), &json!("FRESH"))
    );
    assert_eq!(rows[2][3], "iceberg-mv$materialized_view_storage");
    assert_eq!(rows[3], json!(["never_refreshed", "", "", "", "UNKNOWN"]));
    // Put together, the empty texts leave the points alone.
    for joined in [
        "storage_catalog || '.' || storage_schema || '.' || storage_table",
        "concat(storage_catalog, '.', storage_schema, '.', storage_table) AS storage",
    ] {
        let of = |name: &str| {
            format!(
                "SELECT {joined} FROM system.metadata.materialized_views WHERE catalog_name = 'hive_dp' AND schema_name = 'materialized' AND name = '{name}' AND storage_table IS NOT NULL"
            )
        };
        assert_eq!(
            fixture.run_on_sep(&of("never_refreshed"), None).await.unwrap(),
            [json!([".."])]
        );
        let table = fixture.run_on_sep(&of("hive_mv"), None).await.unwrap();
        assert!(table[0][0].as_str().unwrap().starts_with("lake.mv_storage.st_"), "{table:?}");
    }
    // Galaxy's cluster knows none of them.
    assert!(fixture.run(sql).await.unwrap().is_empty());
}

#[tokio::test]
async fn sep_shows_materialized_views_to_the_right_role_only() {
    let sep_role = Some("products".to_owned());
    let fixture = Fixture::start(Options { sep_role, ..options() }).await;
    let sql =
        "SELECT name FROM system.metadata.materialized_views WHERE schema_name = 'materialized'";
    assert!(fixture.run_on_sep(sql, None).await.unwrap().is_empty());
    let rows = fixture.run_on_sep(sql, Some("system=ROLE{products}")).await.unwrap();
    assert_eq!(rows.len(), 4);
}

#[tokio::test]
async fn tables_of_the_lake_are_in_both_clusters() {
    let fixture = Fixture::small().await;
    let sql = "SELECT table_name FROM lake.information_schema.tables WHERE table_schema = 'raw' ORDER BY table_name";
    let rows = fixture.run(sql).await.unwrap();
    assert!(rows.len() > 3);
    assert_eq!(fixture.run_on_sep(sql, None).await.unwrap(), rows);
    let schemas = fixture.sandbox.galaxy_schemas();
    assert!(schemas.iter().all(|it| it.catalog != "lake"));
    let handmade = schemas.iter().find(|it| it.name == "handmade").unwrap();
    assert!(handmade.relations.values().all(|it| matches!(it, Relation::View(_))));
}
