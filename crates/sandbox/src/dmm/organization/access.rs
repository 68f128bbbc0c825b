//! An access: what was agreed, whether it is active, and what was reported about it.

use axum::http::StatusCode;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::{id_of, text};
use crate::dmm::problem::{Problem, Violation};

/// Whether the owner agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Requested,
    Approved,
    Rejected,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        [Self::Requested, Self::Approved, Self::Rejected].into_iter().find(|it| it.text() == text)
    }
}

/// One access.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// As it was put, without what only the service writes.
    document: Value,
    pub(crate) status: Status,
    /// As of the last event about it.
    pub(crate) was_active: bool,
    /// What was reported last.
    pub(crate) provisioning: Option<Value>,
}

impl Access {
    pub(crate) fn new(document: Value, status: Status) -> Self {
        let mut access = Self { document, status, was_active: false, provisioning: None };
        access.forget_read_only();
        access
    }

    /// Replaces the whole document; what only the service writes stays.
    pub(crate) fn replace(&mut self, document: Value) {
        self.document = document;
        self.forget_read_only();
    }

    fn forget_read_only(&mut self) {
        if let Some(info) = self.document.get_mut("info").and_then(Value::as_object_mut) {
            info.shift_remove("status");
            info.shift_remove("active");
        }
        if let Some(document) = self.document.as_object_mut() {
            document.shift_remove("provisioning");
        }
    }

    /// Approved, and today lies in its dates, both included. A missing date is no bound.
    pub(crate) fn is_active(&self, today: Date) -> bool {
        let has_begun = self.date("startDate").is_none_or(|start| start <= today);
        let has_ended = self.date("endDate").is_some_and(|end| end < today);
        self.status == Status::Approved && has_begun && !has_ended
    }

    fn date(&self, name: &str) -> Option<Date> {
        self.document["info"][name].as_str()?.parse().ok()
    }

    pub(crate) fn set_date(&mut self, name: &str, date: Option<Date>) {
        self.document["info"][name] = date.map_or(Value::Null, |date| json!(date.to_string()));
    }

    /// Its product, or only its port, was deleted.
    pub(crate) fn forget_provider(&mut self, names: &[&str]) {
        for name in names {
            self.document["provider"][*name] = json!("unknown");
        }
    }

    pub(crate) fn provider_product(&self) -> &str {
        text(&self.document, "/provider/dataProductId")
    }

    pub(crate) fn provider_port(&self) -> &str {
        text(&self.document, "/provider/outputPortId")
    }

    pub(crate) fn consumer_product(&self) -> &str {
        text(&self.document, "/consumer/dataProductId")
    }

    pub(crate) fn consumer_team(&self) -> &str {
        text(&self.document, "/consumer/teamId")
    }

    /// `team`, `user` or `dataproduct`.
    pub(crate) fn consumer_type(&self) -> &'static str {
        if self.document["consumer"].get("userId").is_some() {
            "user"
        } else if self.document["consumer"].get("dataProductId").is_some() {
            "dataproduct"
        } else {
            "team"
        }
    }

    /// As `/api/access` has it.
    pub(crate) fn render(&self, today: Date) -> Value {
        let mut document = self.document.clone();
        document["info"]["status"] = json!(self.status.text());
        document["info"]["active"] = json!(self.is_active(today));
        if let Some(provisioning) = &self.provisioning {
            document["provisioning"] = provisioning.clone();
        }
        document
    }

    /// As the 2023 schema has it: the id lies in `info`; no roles, no provisioning.
    pub(crate) fn render_legacy(&self, today: Date) -> Value {
        let document = self.render(today);
        let mut legacy = json!({"info": {"id": id_of(&document)}});
        for (name, value) in document["info"].as_object().into_iter().flatten() {
            legacy["info"][name] = value.clone();
        }
        for name in ["provider", "consumer", "tags", "links", "custom"] {
            legacy[name] = document.get(name).cloned().unwrap_or_default();
        }
        legacy
    }
}

/// The document of the 2023 schema as one of today's; roles are lost, as they are with the real one.
pub(crate) fn from_legacy(mut document: Value) -> Value {
    if let Some(id) = document
        .get_mut("info")
        .and_then(Value::as_object_mut)
        .and_then(|info| info.shift_remove("id"))
    {
        document["id"] = id;
    }
    document
}

/// What is wrong with a document that is put under this id.
pub(crate) fn check(id: &str, document: &Value) -> Result<(), Problem> {
    let mut violations = Vec::new();
    let mut check = |field: &str, holds: bool, message: &str| {
        if !holds {
            violations.push(Violation::new(field, message));
        }
    };
    check("id", id_of(document) == id, "must be the id of the path");
    for field in ["/info/purpose", "/provider/dataProductId", "/provider/outputPortId"] {
        check(
            &field[1..].replace('/', "."),
            !text(document, field).is_empty(),
            "must not be blank",
        );
    }
    check(
        "consumer",
        has_one_consumer(&document["consumer"]),
        "must be one of data product, team and user",
    );
    for field in ["startDate", "endDate", "nextReassessmentDate"] {
        check(
            &format!("info.{field}"),
            is_date_or_nothing(&document["info"][field]),
            "must be a date",
        );
    }
    for field in ["custom", "links"] {
        check(field, holds_texts(document.get(field)), "must be a map of texts");
    }
    Problem::of_violations(violations)
}

/// An id is one segment of a path.
pub(crate) fn check_id(id: &str) -> Result<(), Problem> {
    if id.contains('/') || id.is_empty() || id.chars().count() > 256 {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the id must be one segment of a path"));
    }
    Ok(())
}

fn has_one_consumer(consumer: &Value) -> bool {
    let has = |name: &str| consumer[name].as_str().is_some_and(|id| !id.is_empty());
    match (has("dataProductId"), has("teamId"), has("userId")) {
        (true, _, false) | (false, true, false) | (false, false, true) => true,
        (true, _, true) | (false, true, true) | (false, false, false) => false,
    }
}

fn is_date_or_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.parse::<Date>().is_ok())
}

fn holds_texts(map: Option<&Value>) -> bool {
    let are_texts = |map: &Map<String, Value>| map.values().all(Value::is_string);
    match map {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => are_texts(map),
        Some(_) => false,
    }
}
