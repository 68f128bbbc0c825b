//! What watches functions: the rules, and that they are put.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_integrations::aws::JsonClient;
use stepwell_integrations::cloudwatch::{CloudWatch, Error, LOGS, METRICS, Stream, Watched};

use crate::support::{connection, moto, unique};

fn watched(function: &str) -> Watched {
    Watched {
        function: function.to_owned(),
        timeout: Duration::from_mins(15),
        stream: Some(Stream::NeverIdle),
        retention_days: 14,
        tell: vec!["arn:aws:sns:eu-central-1:123456789012:operators".to_owned()],
    }
}

#[test]
fn a_retention_that_cloudwatch_does_not_know_is_refused_with_the_next() {
    let refused = |retention_days| match (Watched { retention_days, ..watched("f") }).rules() {
        Err(Error::Retention { next, .. }) => next,
        other => panic!("{other:?}"),
    };
    assert_eq!([0, 10, 15, 5000].map(refused), [1, 14, 30, 3653]);
}

#[test]
fn errors_throttles_durations_and_the_age_of_records_are_told() {
    let rules = serde_json::to_value(watched("lake-apply").rules().unwrap()).unwrap();
    let group = json!({"logGroupName": "/aws/lambda/lake-apply", "retentionInDays": 14});
    assert_eq!(rules["logGroup"], group);
    let seen = |alarm: &Value| {
        let of = |name: &str| alarm[name].as_str().unwrap().to_owned();
        (
            of("MetricName"),
            of("Statistic"),
            alarm["Threshold"].as_f64().unwrap(),
            of("TreatMissingData"),
        )
    };
    let alarms: Vec<_> = rules["alarms"].as_array().unwrap().iter().map(seen).collect();
    let expected = [
        ("Errors", "Sum", 1.0, "notBreaching"),
        ("Throttles", "Sum", 1.0, "notBreaching"),
        ("Duration", "Maximum", 720_000.0, "notBreaching"),
        ("IteratorAge", "Maximum", 900_000.0, "breaching"),
    ];
    assert_eq!(alarms, expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c, d.to_owned())));
    let without = Watched { stream: None, ..watched("lake-apply") }.rules().unwrap();
    assert_eq!(without.alarms.len(), 3);
}

#[tokio::test]
async fn rules_are_put_and_may_be_put_again() {
    let Some(url) = moto() else { return };
    let connection = connection(&url).await;
    let function = unique("lake");
    let rules = watched(&function).rules().unwrap();
    for _ in 0..2 {
        CloudWatch::new(&connection).put(&rules).await.unwrap();
    }
    let logs = JsonClient::new(&connection, LOGS);
    let prefix = json!({"logGroupNamePrefix": rules.log_group.name});
    let found: Value = logs.call_as("logs:DescribeLogGroups", &prefix).await.unwrap();
    assert_eq!(found["logGroups"][0]["retentionInDays"], json!(14));
    let metrics = JsonClient::new(&connection, METRICS);
    let prefix = json!({"AlarmNamePrefix": function});
    let found: Value = metrics.call_as("cloudwatch:DescribeAlarms", &prefix).await.unwrap();
    let alarms = found["MetricAlarms"].as_array().unwrap();
    assert_eq!(alarms.len(), 4);
    let age = alarms.iter().find(|alarm| alarm["MetricName"] == json!("IteratorAge")).unwrap();
    assert_eq!(
        (&age["EvaluationPeriods"], &age["TreatMissingData"]),
        (&json!(3), &json!("breaching"))
    );
    assert_eq!(age["AlarmActions"], json!(watched(&function).tell));
}
