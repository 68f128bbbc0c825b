//! Alarms of the server: every minute each one looks back over its window, and who is told is told when it goes off and
//! when all is well again.
//!
//! What was counted lives in memory: a server that starts anew begins with alarms that are off. A message that is not
//! delivered is tried again a minute later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::json;
use stepwell_engine::Handle;
use stepwell_integrations::sns::Message;
use stepwell_services::Opener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{Alarm, MINUTES_MAX, Metric};
use crate::meters::{Meters, Minute};

const MINUTE: Duration = Duration::from_mins(1);

/// Whether an alarm is off or on, in the words of CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Alarm,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
        }
    }
}

/// That an alarm has changed.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    alarm: String,
    rule: Alarm,
    state: State,
    /// What was measured.
    measure: f64,
    at: Timestamp,
}

/// All alarms, and the minutes that they look back over.
#[derive(Debug)]
struct Alarms {
    rules: BTreeMap<String, (Alarm, State)>,
    /// The newest last.
    minutes: VecDeque<Minute>,
}

impl Alarms {
    fn new(rules: &BTreeMap<String, Alarm>) -> Self {
        let rules = rules.iter().map(|(name, rule)| (name.clone(), (rule.clone(), State::Ok)));
        Self { rules: rules.collect(), minutes: VecDeque::new() }
    }

    /// Takes in what was counted in a minute; gives the alarms that it changes.
    fn add(&mut self, minute: Minute, now: Timestamp) -> Vec<Change> {
        self.minutes.push_back(minute);
        if self.minutes.len() > MINUTES_MAX as usize {
            self.minutes.pop_front();
        }
        let minutes = &self.minutes;
        let change = |(name, (rule, state)): (&String, &mut (Alarm, State))| {
            let measure = measure(rule, minutes);
            let new = if measure > rule.above { State::Alarm } else { State::Ok };
            let old = std::mem::replace(state, new);
            (old != new).then(|| Change {
                alarm: name.clone(),
                rule: rule.clone(),
                state: new,
                measure,
                at: now,
            })
        };
        self.rules.iter_mut().filter_map(change).collect()
    }
}

/// What a rule looks at, over its window.
fn measure(rule: &Alarm, minutes: &VecDeque<Minute>) -> f64 {
    let is_meant = |name: &str| rule.of.as_deref().is_none_or(|of| of == name);
    let window = || minutes.iter().rev().take(rule.minutes as usize);
    let calls = || {
        let all = window().flat_map(|minute| &minute.calls);
        all.filter(|(name, _)| is_meant(name)).map(|(_, calls)| calls)
    };
    match rule.metric {
        Metric::Errors => calls().map(|it| it.errors).sum::<u64>() as f64,
        Metric::Throttles => window().map(|it| it.throttles).sum::<u64>() as f64,
        Metric::Duration => calls().map(|it| it.longest).max().unwrap_or_default().as_secs_f64(),
        Metric::IteratorAge if window().count() < rule.minutes as usize => 0.0,
        Metric::IteratorAge => {
            let oldest = |minute: &Minute| {
                let ages = minute.ages.iter().filter(|(name, _)| is_meant(name));
                ages.map(|(_, age)| *age).max().unwrap_or_default()
            };
            window().map(oldest).min().unwrap_or_default().as_secs_f64()
        }
    }
}

impl Change {
    /// As CloudWatch tells it.
    fn message(&self) -> Message {
        let old = if self.state == State::Alarm { State::Ok } else { State::Alarm };
        let text = json!({
            "AlarmName": self.alarm,
            "OldStateValue": old.name(),
            "NewStateValue": self.state.name(),
            "NewStateReason": self.reason(),
            "StateChangeTime": self.at.to_string(),
            "Trigger": {
                "MetricName": self.rule.metric.name(),
                "Of": self.rule.of,
                "Threshold": self.rule.above,
                "Period": self.rule.minutes * 60,
            },
        });
        Message::new(text.to_string()).with_subject(self.subject())
    }

    /// `ALARM: "canvas-fails"`, as CloudWatch has it, within what a subject may be.
    fn subject(&self) -> String {
        let subject = format!("{}: \"{}\"", self.state.name(), self.alarm);
        subject.chars().filter(|it| it.is_ascii() && !it.is_control()).take(99).collect()
    }

    fn reason(&self) -> String {
        let Alarm { metric, of, above, minutes, .. } = &self.rule;
        let of = of.as_ref().map(|of| format!(" of {of}")).unwrap_or_default();
        let measure = self.measure;
        format!(
            "{}{of} in {minutes} minutes: {measure}, and more than {above} is too much",
            metric.name()
        )
    }
}

/// Looks every minute, and tells.
pub(crate) struct Watcher {
    alarms: Alarms,
    meters: Arc<Meters>,
    engine: Handle,
    opener: Arc<Opener>,
    throttles_before: u64,
    /// What is still to be told, the oldest first.
    untold: VecDeque<Change>,
}

impl Watcher {
    pub(crate) fn new(
        rules: &BTreeMap<String, Alarm>,
        meters: Arc<Meters>,
        engine: Handle,
        opener: Arc<Opener>,
    ) -> Self {
        let alarms = Alarms::new(rules);
        Self { alarms, meters, engine, opener, throttles_before: 0, untold: VecDeque::new() }
    }

    /// Goes on until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut minutes = tokio::time::interval_at(tokio::time::Instant::now() + MINUTE, MINUTE);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = minutes.tick() => self.look(Timestamp::now()).await,
                () = stop.cancelled() => return,
            }
        }
    }

    async fn look(&mut self, now: Timestamp) {
        let throttles = self.engine.stats().throttled_tasks;
        let new = throttles - std::mem::replace(&mut self.throttles_before, throttles);
        let minute = Minute { throttles: new, ..self.meters.take() };
        for change in self.alarms.add(minute, now) {
            let is_on = change.state == State::Alarm;
            metrics::gauge!("stepwell_alarm", "alarm" => change.alarm.clone())
                .set(f64::from(u8::from(is_on)));
            match change.state {
                State::Alarm => warn!(alarm = change.alarm, reason = change.reason(), "ALARM"),
                State::Ok => info!(alarm = change.alarm, reason = change.reason(), "OK"),
            }
            if change.rule.topic.is_some() {
                self.untold.push_back(change);
            }
        }
        while let Some(change) = self.untold.front() {
            if let Err(reason) = tell(&self.opener, change).await {
                error!(alarm = change.alarm, reason, "the change of an alarm cannot be told now");
                return;
            }
            self.untold.pop_front();
        }
    }
}

async fn tell(opener: &Opener, change: &Change) -> Result<(), String> {
    let Some(topic) = &change.rule.topic else { return Ok(()) };
    // Boxed: all that opens a topic nests deeper than the compiler looks.
    let topics = opener.topics().boxed().await.map_err(|error| error.to_string())?;
    let told = topics.publish(topic, &change.message()).await;
    told.map(drop).map_err(|error| format!("the topic `{topic}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::Calls;

    fn rule(metric: Metric, above: f64, minutes: u32) -> Alarm {
        Alarm { metric, of: Some("f".to_owned()), above, minutes, topic: None }
    }

    fn alarms(rule: Alarm) -> Alarms {
        Alarms::new(&[("a".to_owned(), rule)].into())
    }

    fn minute(function: &str, errors: u64, seconds: u64) -> Minute {
        let longest = Duration::from_secs(seconds);
        let calls = [(function.to_owned(), Calls { errors, longest })].into();
        Minute { calls, ..Minute::default() }
    }

    fn waiting(seconds: u64) -> Minute {
        let ages = [("f".to_owned(), Duration::from_secs(seconds))].into();
        Minute { ages, ..Minute::default() }
    }

    /// The state after each minute in which it changes.
    fn changes(rule: Alarm, minutes: impl IntoIterator<Item = Minute>) -> Vec<(usize, State)> {
        let mut alarms = alarms(rule);
        let mut changes = Vec::new();
        for (at, minute) in minutes.into_iter().enumerate() {
            let now = alarms.add(minute, Timestamp::UNIX_EPOCH);
            changes.extend(now.into_iter().map(|change| (at, change.state)));
        }
        changes
    }

    #[test]
    fn errors_go_off_at_once_and_are_over_when_the_window_has_passed() {
        let minutes = [0, 1, 0, 0, 0].map(|errors| minute("f", errors, 0));
        let found = changes(rule(Metric::Errors, 0.0, 2), minutes);
        assert_eq!(found, [(1, State::Alarm), (3, State::Ok)]);
    }

    #[test]
    fn errors_of_other_functions_are_no_matter() {
        let minutes = [minute("g", 5, 0), minute("g", 5, 0)];
        assert_eq!(changes(rule(Metric::Errors, 0.0, 2), minutes.clone()), []);
        let of_all = Alarm { of: None, ..rule(Metric::Errors, 5.0, 2) };
        assert_eq!(changes(of_all, minutes), [(1, State::Alarm)]);
    }

    #[test]
    fn a_duration_at_the_limit_is_no_alarm() {
        let minutes = [10, 11].map(|seconds| minute("f", 0, seconds));
        assert_eq!(changes(rule(Metric::Duration, 10.0, 1), minutes), [(1, State::Alarm)]);
    }

    #[test]
    fn an_age_must_last_for_the_window() {
        let minutes = [1000, 0, 1000, 1000, 1000, 10].map(waiting);
        let found = changes(rule(Metric::IteratorAge, 900.0, 3), minutes);
        assert_eq!(found, [(4, State::Alarm), (5, State::Ok)]);
    }

    #[test]
    fn throttles_are_those_of_all_functions() {
        let throttled = |throttles| Minute { throttles, ..Minute::default() };
        let rule = Alarm { of: None, ..rule(Metric::Throttles, 0.0, 1) };
        let minutes = [0, 2, 0].map(throttled);
        assert_eq!(changes(rule, minutes), [(1, State::Alarm), (2, State::Ok)]);
    }

    #[test]
    fn a_message_has_the_words_of_cloudwatch() {
        let mut alarms = alarms(rule(Metric::Errors, 0.0, 5));
        let changed = alarms.add(minute("f", 2, 0), Timestamp::UNIX_EPOCH);
        let message = changed[0].message();
        assert_eq!(message.subject.as_deref(), Some("ALARM: \"a\""));
        let text: serde_json::Value = serde_json::from_str(&message.text).expect("it is JSON");
        assert_eq!(text["NewStateValue"], "ALARM");
        assert_eq!(text["OldStateValue"], "OK");
        assert_eq!(
            text["NewStateReason"],
            "Errors of f in 5 minutes: 2, and more than 0 is too much"
        );
        assert_eq!(text["Trigger"]["Period"], 300);
    }
}
