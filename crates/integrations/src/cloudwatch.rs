//! What watches functions of Lambda: how long their logs are kept, and when somebody is told.
//!
//! The rules are made here and put as a whole; that they are applied is up to who asks for it.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::aws::{CallError, Connection, JsonClient, Service};

/// CloudWatch Logs.
pub const LOGS: Service = Service {
    id: "CloudWatch Logs",
    signing_name: "logs",
    target_prefix: "Logs_20140328",
    json_version: "1.1",
};

/// CloudWatch's metrics and alarms.
pub const METRICS: Service = Service {
    id: "CloudWatch",
    signing_name: "monitoring",
    target_prefix: "GraniteServiceVersion20100801",
    json_version: "1.0",
};

/// What `PutRetentionPolicy` takes. Source: CloudWatch Logs API reference.
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

const FIVE_MINUTES: u32 = 300;

/// Older than this, the newest record that was read is a reason to look.
const ITERATOR_AGE_MAX: Duration = Duration::from_mins(15);

/// A function, and what it is expected to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its name.
    pub function: String,
    /// After how long Lambda ends it.
    pub timeout: Duration,
    /// Whether it reads a stream, and whether that is ever idle.
    pub stream: Option<Stream>,
    /// How many days its logs are kept, one of those that CloudWatch knows: 14.
    pub retention_days: u32,
    /// Who is told: ARNs of topics.
    pub tell: Vec<String>,
}

/// What the stream of a function is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// At times there is nothing to read, and no age to tell.
    AtTimesIdle,
    /// There is always something; no age means that nothing is read.
    NeverIdle,
}

/// What watches one function.
///
/// ```json
/// {"logGroup": {"logGroupName": "/aws/lambda/lake-apply", "retentionInDays": 14},
///  "alarms": [{"AlarmName": "lake-apply-Errors", "Namespace": "AWS/Lambda", "MetricName": "Errors", ...}]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// Its logs.
    pub log_group: LogGroup,
    /// When somebody is told.
    pub alarms: Vec<Alarm>,
}

/// The logs of a function, in the words of `PutRetentionPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    /// `/aws/lambda/FUNCTION`
    #[serde(rename = "logGroupName")]
    pub name: String,
    /// For so many days.
    #[serde(rename = "retentionInDays")]
    pub retention_days: u32,
}

/// When somebody is told, in the words of `PutMetricAlarm`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alarm {
    /// `FUNCTION-Errors`; putting it again replaces it.
    pub alarm_name: String,
    /// In words.
    pub alarm_description: String,
    /// `AWS/Lambda`
    pub namespace: &'static str,
    /// `Errors`, `Throttles`, `Duration`, `IteratorAge`
    pub metric_name: &'static str,
    /// The function.
    pub dimensions: Vec<Dimension>,
    /// `Sum` or `Maximum`
    pub statistic: &'static str,
    /// Seconds.
    pub period: u32,
    /// Periods that are looked at.
    pub evaluation_periods: u32,
    /// So many of them have to be beyond the threshold.
    pub datapoints_to_alarm: u32,
    /// A number of events, or milliseconds.
    pub threshold: f64,
    /// `GreaterThanOrEqualToThreshold` or `GreaterThanThreshold`
    pub comparison_operator: &'static str,
    /// What a period without a value means: `notBreaching` or `breaching`.
    pub treat_missing_data: &'static str,
    /// ARNs of topics.
    pub alarm_actions: Vec<String>,
}

/// What a metric is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    /// `FunctionName`
    pub name: &'static str,
    /// The function's.
    pub value: String,
}

/// What watching can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// CloudWatch does not know this retention.
    #[error("logs cannot be kept for {days} days; the next that CloudWatch knows is {next}")]
    Retention {
        /// As it was asked for.
        days: u32,
        /// The next longer one, or the longest.
        next: u32,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_retryable())
    }
}

impl Watched {
    /// The rules for a function.
    ///
    /// Errors and throttles are told at the first within five minutes, a duration beyond 80 % of the time-out, and records that
    /// are a quarter of an hour old three times in a row.
    ///
    /// # Errors
    /// [`Error::Retention`]
    pub fn rules(&self) -> Result<Rules, Error> {
        let days = self.retention_days;
        if !RETENTION_DAYS.contains(&days) {
            let longest = RETENTION_DAYS[RETENTION_DAYS.len() - 1];
            let next = RETENTION_DAYS.into_iter().find(|known| *known > days).unwrap_or(longest);
            return Err(Error::Retention { days, next });
        }
        let name = format!("/aws/lambda/{}", self.function);
        let mut alarms = vec![
            self.counted("Errors", "it fails"),
            self.counted("Throttles", "it is held back: more run at once than may"),
            self.too_long(),
        ];
        alarms.extend(self.stream.map(|stream| self.too_old(stream)));
        Ok(Rules { log_group: LogGroup { name, retention_days: days }, alarms })
    }

    /// At least one in five minutes.
    fn counted(&self, metric_name: &'static str, what: &str) -> Alarm {
        Alarm {
            alarm_name: format!("{}-{metric_name}", self.function),
            alarm_description: format!("{}: {what}", self.function),
            namespace: "AWS/Lambda",
            metric_name,
            dimensions: vec![Dimension { name: "FunctionName", value: self.function.clone() }],
            statistic: "Sum",
            period: FIVE_MINUTES,
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            threshold: 1.0,
            comparison_operator: "GreaterThanOrEqualToThreshold",
            treat_missing_data: "notBreaching",
            alarm_actions: self.tell.clone(),
        }
    }

    fn too_long(&self) -> Alarm {
        Alarm {
            statistic: "Maximum",
            threshold: self.timeout.as_millis() as f64 * 0.8,
            comparison_operator: "GreaterThanThreshold",
            ..self.counted("Duration", "it takes more than 80 % of its time-out")
        }
    }

    fn too_old(&self, stream: Stream) -> Alarm {
        Alarm {
            statistic: "Maximum",
            evaluation_periods: 3,
            datapoints_to_alarm: 3,
            threshold: ITERATOR_AGE_MAX.as_millis() as f64,
            comparison_operator: "GreaterThanThreshold",
            treat_missing_data: match stream {
                Stream::AtTimesIdle => "notBreaching",
                Stream::NeverIdle => "breaching",
            },
            ..self.counted("IteratorAge", "it is more than 15 minutes behind its stream")
        }
    }
}

/// Puts rules. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    logs: JsonClient,
    metrics: JsonClient,
}

impl CloudWatch {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        let (logs, metrics) =
            (JsonClient::new(connection, LOGS), JsonClient::new(connection, METRICS));
        Self { logs, metrics }
    }

    /// Makes the log group, which a function would make itself for ever, and puts retention and alarms. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Call`]; some rules may be put.
    pub async fn put(&self, rules: &Rules) -> Result<(), Error> {
        let group = json!({"logGroupName": rules.log_group.name});
        match self.logs.call("logs:CreateLogGroup", &group).await {
            Err(CallError::Refused { code, .. }) if code == "ResourceAlreadyExistsException" => {}
            made => drop(made?),
        }
        self.logs.call("logs:PutRetentionPolicy", &rules.log_group).await?;
        for alarm in &rules.alarms {
            self.metrics.call("cloudwatch:PutMetricAlarm", alarm).await?;
        }
        Ok(())
    }
}
