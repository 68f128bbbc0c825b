//! Documents that are kept as they were put: data products, teams, connectors.

use serde_json::Value;

use super::{id_of, text};

/// Documents by their `id`, in the order of their creation.
#[derive(Debug, Default)]
pub(crate) struct Documents(Vec<Value>);

impl Documents {
    /// Creates or replaces; returns what was there.
    pub(crate) fn put(&mut self, document: Value) -> Option<Value> {
        if let Some(found) = self.0.iter_mut().find(|found| id_of(found) == id_of(&document)) {
            return Some(std::mem::replace(found, document));
        }
        self.0.push(document);
        None
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.0.iter().find(|document| id_of(document) == id)
    }

    /// Whether there was one.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|document| id_of(document) != id);
        self.0.len() < before
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }
}

/// The output ports of a data product with their ids: of DPS by `id`, of ODPS, which has none, by `name`.
pub(crate) fn ports(product: &Value) -> Vec<(String, Value)> {
    let ports = product["outputPorts"].as_array().into_iter().flatten();
    let named = ports.map(|port| {
        let id = Some(id_of(port)).filter(|id| !id.is_empty());
        (id.unwrap_or_else(|| text(port, "/name")).to_owned(), port.clone())
    });
    named.collect()
}

/// The events about ports between two versions of a product, each with the id of its port.
pub(super) fn port_events<'a>(
    earlier: &'a [(String, Value)],
    present: &'a [(String, Value)],
) -> Vec<(&'static str, &'a str)> {
    let event = |(port, value): &'a (String, Value)| {
        let was = earlier.iter().find(|(found, _)| found == port);
        match was {
            None => Some(("OutputPortCreated", port.as_str())),
            Some((_, was)) if was != value => Some(("OutputPortUpdated", port.as_str())),
            Some(_) => None,
        }
    };
    let is_gone = |(port, _): &&(String, Value)| !present.iter().any(|(found, _)| found == port);
    let gone = earlier.iter().filter(is_gone).map(|(port, _)| ("OutputPortDeleted", port.as_str()));
    present.iter().filter_map(event).chain(gone).collect()
}
