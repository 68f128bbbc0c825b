//! An organization's documents and what its events tell about them.
//!
//! Every change goes through here, so that what HTTP, the handle and the clock do emits the same events. Time is given with each
//! change; `settle` is the platform's scheduler.

pub(crate) mod access;
pub(crate) mod feed;
mod products;
pub(crate) mod provisioning;

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::clock::Clock;
use access::{Access, Status};
use feed::{Feed, Happening, Principal};
use provisioning::Transition;

use products::port_events;
pub(crate) use products::{Documents, ports};

/// Which names the events about an access have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// `DataContractActivatedEvent` and `...DeactivatedEvent` only; until September 2023.
    DataContract,
    /// `DataUsageAgreement...Event`; until October 2025.
    DataUsageAgreement,
    /// `Access...Event`; today's.
    Access,
}

impl Generation {
    /// The name that this generation has for an event of today's, if it has one.
    fn name_of(self, name: &str) -> Option<String> {
        let what = name.strip_prefix("Access")?;
        let known: &[&str] = match self {
            Self::Access => return Some(name.to_owned()),
            Self::DataContract => &["Activated", "Deactivated"],
            Self::DataUsageAgreement => &[
                "Created",
                "Updated",
                "Deleted",
                "Requested",
                "Approved",
                "Rejected",
                "Activated",
                "Deactivated",
            ],
        };
        known.contains(&what).then(|| format!("{self:?}{what}"))
    }
}

/// The whole organization.
#[derive(Debug)]
pub(crate) struct Organization {
    clock: Arc<Clock>,
    generations: Vec<Generation>,
    pub(crate) feed: Feed,
    /// By id, in the order of their creation.
    accesses: Vec<(String, Access)>,
    pub(crate) data_products: Documents,
    pub(crate) teams: Documents,
    pub(crate) connectors: Documents,
    /// The day that all accesses were settled for.
    settled: Option<Date>,
}

impl Organization {
    pub(crate) fn new(clock: Arc<Clock>, generations: Vec<Generation>, feed: Feed) -> Self {
        Self {
            clock,
            generations,
            feed,
            accesses: Vec::new(),
            data_products: Documents::default(),
            teams: Documents::default(),
            connectors: Documents::default(),
            settled: None,
        }
    }

    /// The date by the sandbox's clock, in UTC.
    pub(crate) fn today(&self) -> Date {
        let now = Timestamp::from_microsecond(self.clock.now()).unwrap_or(Timestamp::MAX);
        now.to_zoned(TimeZone::UTC).date()
    }

    /// Appends an event; one about an access once for each generation.
    pub(crate) fn emit(&mut self, name: &str, subject: &str, principal: Principal, data: &Value) {
        let now = self.clock.now_millis_text();
        let names = if name.starts_with("Access") {
            self.generations.iter().filter_map(|it| it.name_of(name)).collect()
        } else {
            vec![name.to_owned()]
        };
        for name in names {
            self.feed.append(&Happening { name: &name, subject, principal, data }, &now);
        }
    }

    pub(crate) fn accesses(&self) -> impl Iterator<Item = (&str, &Access)> {
        self.accesses.iter().map(|(id, access)| (id.as_str(), access))
    }

    pub(crate) fn access(&self, id: &str) -> Result<&Access, Problem> {
        let found = self.accesses.iter().find(|(found, _)| found == id);
        found.map(|(_, access)| access).ok_or_else(|| Problem::not_found("Access", id))
    }

    fn access_mut(&mut self, id: &str) -> Result<&mut Access, Problem> {
        let found = self.accesses.iter_mut().find(|(found, _)| found == id);
        found.map(|(_, access)| access).ok_or_else(|| Problem::not_found("Access", id))
    }

    /// Creates or replaces a document whose id is its `id`. A new access has the status that is given.
    pub(crate) fn put_access(&mut self, document: Value, status: Status, by: Principal) {
        let id = id_of(&document).to_owned();
        if let Ok(access) = self.access_mut(&id) {
            access.replace(document);
            self.emit("AccessUpdated", &id, by, &Value::Null);
        } else {
            self.accesses.push((id.clone(), Access::new(document, status)));
            self.emit("AccessCreated", &id, by, &Value::Null);
            self.emit("AccessRequested", &id, by, &Value::Null);
            if status == Status::Approved {
                self.emit("AccessApproved", &id, by, &Value::Null);
            }
        }
        self.settle(&id);
    }

    pub(crate) fn decide(
        &mut self,
        id: &str,
        status: Status,
        by: Principal,
    ) -> Result<(), Problem> {
        self.access_mut(id)?.status = status;
        let name = if status == Status::Approved { "AccessApproved" } else { "AccessRejected" };
        self.emit(name, id, by, &Value::Null);
        self.settle(id);
        Ok(())
    }

    /// It ends after this day.
    pub(crate) fn cancel(&mut self, id: &str, end: Date, by: Principal) -> Result<(), Problem> {
        self.access_mut(id)?.set_date("endDate", Some(end));
        self.emit("AccessCanceled", id, by, &Value::Null);
        self.settle(id);
        Ok(())
    }

    /// Approved and begun today, or ended yesterday: as if its dates had come.
    pub(crate) fn set_active(&mut self, id: &str, active: bool) -> Result<(), Problem> {
        let today = self.today();
        let access = self.access_mut(id)?;
        if active {
            access.status = Status::Approved;
            access.set_date("startDate", Some(today));
            access.set_date("endDate", None);
        } else {
            let yesterday =
                today.yesterday().expect("the sandbox's clock is far from the first day");
            access.set_date("endDate", Some(yesterday));
        }
        self.settle(id);
        Ok(())
    }

    pub(crate) fn delete_access(&mut self, id: &str, by: Principal) -> Result<(), Problem> {
        self.access(id)?;
        self.accesses.retain(|(found, _)| found != id);
        self.emit("AccessDeleted", id, by, &Value::Null);
        Ok(())
    }

    /// Records a step of provisioning; answers with the new record.
    pub(crate) fn report(
        &mut self,
        id: &str,
        step: Transition,
        report: &Value,
    ) -> Result<Value, Problem> {
        let now = self.clock.now_millis_text();
        let access = self.access_mut(id)?;
        let record = step.apply(access.provisioning.as_ref(), report, &now);
        access.provisioning = Some(record.clone());
        let data = provisioning::event_data(&record);
        self.emit(&step.event(), id, Principal::ApiKey, &data);
        Ok(record)
    }

    /// Replaces the record; an event tells only of another status.
    pub(crate) fn put_provisioning(&mut self, id: &str, record: Value) -> Result<Value, Problem> {
        let step = provisioning::step_to(&record)?;
        let access = self.access_mut(id)?;
        let earlier = access.provisioning.replace(record.clone());
        if earlier.is_none_or(|earlier| earlier["status"] != record["status"]) {
            let data = provisioning::event_data(&record);
            self.emit(&step.event(), id, Principal::ApiKey, &data);
        }
        Ok(record)
    }

    pub(crate) fn put_data_product(&mut self, document: Value, by: Principal) {
        let id = id_of(&document).to_owned();
        let present = ports(&document);
        let earlier = self.data_products.put(document);
        let name = if earlier.is_some() { "DataProductUpdated" } else { "DataProductCreated" };
        self.emit(name, &id, by, &Value::Null);
        let earlier = earlier.as_ref().map(ports).unwrap_or_default();
        for (name, port) in port_events(&earlier, &present) {
            if name == "OutputPortDeleted" {
                self.forget_providers(&["outputPortId"], |it| {
                    it.provider_product() == id && it.provider_port() == port
                });
            }
            self.emit_port(name, &id, port, by);
        }
    }

    fn emit_port(&mut self, name: &str, product: &str, port: &str, by: Principal) {
        self.emit(name, product, by, &json!({"outputPortId": port}));
    }

    fn forget_providers(&mut self, names: &[&str], is_affected: impl Fn(&Access) -> bool) {
        let affected = self.accesses.iter_mut().filter(|(_, access)| is_affected(access));
        affected.for_each(|(_, access)| access.forget_provider(names));
    }

    /// Refused while an active access needs it, as provider or consumer, unless it is by force.
    pub(crate) fn delete_data_product(
        &mut self,
        id: &str,
        force: bool,
        by: Principal,
    ) -> Result<(), Problem> {
        let product =
            self.data_products.get(id).ok_or_else(|| Problem::not_found("Data product", id))?;
        let ports: Vec<_> = ports(product).into_iter().map(|(port, _)| port).collect();
        let today = self.today();
        let needs_it = |it: &Access| it.provider_product() == id || it.consumer_product() == id;
        if !force && self.accesses().any(|(_, it)| it.is_active(today) && needs_it(it)) {
            let detail = format!("data product {id} is used by an active access");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        self.data_products.remove(id);
        self.forget_providers(&["dataProductId", "outputPortId"], |it| it.provider_product() == id);
        self.emit("DataProductDeleted", id, by, &Value::Null);
        for port in ports {
            self.emit_port("OutputPortDeleted", id, &port, by);
        }
        Ok(())
    }

    pub(crate) fn put_team(&mut self, document: Value, by: Principal) {
        let id = id_of(&document).to_owned();
        let is_new = self.teams.put(document).is_none();
        let name = if is_new { "TeamCreated" } else { "TeamUpdated" };
        self.emit(name, &id, by, &Value::Null);
    }

    /// Tells what today's date, or a change, made of one access.
    fn settle(&mut self, id: &str) {
        let today = self.today();
        let Ok(access) = self.access_mut(id) else { return };
        let active = access.is_active(today);
        if active != access.was_active {
            access.was_active = active;
            let name = if active { "AccessActivated" } else { "AccessDeactivated" };
            self.emit(name, id, Principal::System, &Value::Null);
        }
    }

    /// The scheduler: start and end dates take effect once a day.
    pub(crate) fn settle_all(&mut self) {
        let today = self.today();
        if self.settled.replace(today) == Some(today) {
            return;
        }
        let ids: Vec<_> = self.accesses().map(|(id, _)| id.to_owned()).collect();
        for id in ids {
            self.settle(&id);
        }
    }
}

/// The text at this JSON pointer; empty if there is none.
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The `id` of a document.
pub(crate) fn id_of(document: &Value) -> &str {
    text(document, "/id")
}
