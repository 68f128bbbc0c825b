//! Queries of Athena, from a server that answers as Athena does.

use serde_json::{Value, json};
use stepwell_integrations::athena::{Athena, Error, Fault, Query};

use crate::support::{Scripted, connection};

async fn athena(answers: &[Value]) -> (Athena, Scripted) {
    let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
    let answers: Vec<_> = answers.iter().map(|body| (200, body.as_str())).collect();
    let server = Scripted::start(&answers).await;
    (Athena::new(&connection(&server.url).await), server)
}

fn execution(state: &str) -> Value {
    json!({"QueryExecution": {
        "QueryExecutionId": "q1", "StatementType": "DML",
        "Status": {"State": state, "StateChangeReason": "SYNTAX_ERROR: line 1", "CompletionDateTime": 1_772_355_600.5},
        "Statistics": {"DataScannedInBytes": 1024}
    }})
}

fn results(rows: &[[Option<&str>; 2]], next: Option<&str>) -> Value {
    let datum = |text: Option<&str>| match text {
        Some(text) => json!({"VarCharValue": text}),
        None => json!({}),
    };
    let rows: Vec<_> = rows
        .iter()
        .map(|row| json!({"Data": row.iter().copied().map(datum).collect::<Vec<_>>()}))
        .collect();
    let mut results = json!({"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": [
        {"Name": "id", "Type": "varchar", "Precision": 2_147_483_647, "Scale": 0},
        {"Name": "amount", "Type": "decimal", "Precision": 18, "Scale": 2}
    ]}}});
    if let Some(next) = next {
        results["NextToken"] = json!(next);
    }
    results
}

#[tokio::test]
async fn a_query_is_started_waited_for_and_read_page_by_page() {
    let header = [Some("id"), Some("amount")];
    let (athena, server) = athena(&[
        json!({"QueryExecutionId": "q1"}),
        execution("QUEUED"),
        execution("SUCCEEDED"),
        results(&[header, [Some("a"), None]], Some("t")),
        results(&[header, [Some("b"), Some("1.50")]], None),
    ])
    .await;
    let query = Query {
        sql: "SELECT id, amount FROM orders WHERE dt = ?".into(),
        database: Some("raw".into()),
        output_location: Some("s3://results/".into()),
        token: "0123456789abcdef0123456789abcdef".into(),
        parameters: vec!["'2026-03-01'".into()],
        ..Query::default()
    };
    let id = athena.start(&query).await.unwrap();
    let finished = athena.wait(&id).await.unwrap();
    assert_eq!(finished.scanned_bytes, 1024);
    let first = athena.page(&finished, None).await.unwrap();
    let columns = [("id", "varchar"), ("amount", "decimal(18,2)")];
    assert_eq!(first.columns, columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
    assert_eq!(first.rows, [[Some("a".to_owned()), None]]);
    // On a later page the same texts are a row.
    let second = athena.page(&finished, first.next.as_deref()).await.unwrap();
    assert_eq!(second.rows.len(), 2);
    assert_eq!(second.next, None);
    let asked: Vec<Value> =
        server.asked().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(asked[0]["QueryExecutionContext"]["Database"], json!("raw"));
    assert_eq!(asked[0]["ResultConfiguration"]["OutputLocation"], json!("s3://results/"));
    assert_eq!(asked[0]["ClientRequestToken"], json!(query.token));
    assert_eq!(asked[4]["NextToken"], json!("t"));
}

/// A failure as Athena classes it.
async fn failure(athena_error: Value) -> Error {
    let mut failed = execution("FAILED");
    failed["QueryExecution"]["Status"]["AthenaError"] = athena_error;
    let (athena, _) = athena(&[failed]).await;
    athena.wait("q1").await.unwrap_err()
}

#[tokio::test]
async fn a_query_that_fails_says_why_and_whether_that_passes() {
    for (athena_error, expected) in [
        (json!({"ErrorCategory": 2, "ErrorType": 1006, "Retryable": false}), Fault::Query),
        (json!({"ErrorCategory": 1, "ErrorType": 0, "Retryable": true}), Fault::Passing),
        (json!({"ErrorCategory": 3}), Fault::Unknown),
        (Value::Null, Fault::Unknown),
    ] {
        let error = failure(athena_error).await;
        let Error::Failed { reason, fault, .. } = &error else { panic!("{error}") };
        assert!(reason.contains("SYNTAX"), "{error}");
        assert_eq!((*fault, error.is_retryable()), (expected, expected == Fault::Passing));
    }
}

#[tokio::test]
async fn a_query_that_is_cancelled_or_not_taken() {
    let (cancelled, _) = athena(&[execution("CANCELLED")]).await;
    let error = cancelled.wait("q1").await.unwrap_err();
    assert!(matches!(&error, Error::Cancelled { .. }), "{error}");
    assert!(!error.is_retryable());
    let long = Query { sql: "x".repeat(262_145), ..Query::default() };
    let error = cancelled.start(&long).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid { .. }), "{error}");
    let body = json!({"__type": "InvalidRequestException", "Message": "no output location"});
    let server = Scripted::start(&[(400, &body.to_string())]).await;
    let athena = Athena::new(&connection(&server.url).await);
    let error = athena.start(&Query::default()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Invalid { message } if message == "no output location"),
        "{error}"
    );
}
