//! The documents of Data Mesh Manager, as far as we need them, in every shape that they have had.
//!
//! | Document | Shapes |
//! | --- | --- |
//! | access | `id` at the top; in 2023 `info.id` |
//! | data product | DPS 0.0.1 (`custom` maps, ports with `id`) and ODPS v1.0.0 (`customProperties` lists, ports by `name`) |
//! | event | the same CloudEvent in all generations |

use std::collections::BTreeMap;

use serde_json::Value;

use super::Resource;

/// Custom properties of either shape. Values that are no text are taken as their JSON text.
pub type Custom = BTreeMap<String, String>;

/// The id that a provider has once its data product or port is gone.
const UNKNOWN: &str = "unknown";

/// An agreement on access.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// Its id.
    pub id: String,
    /// Approved, and today within its dates.
    pub active: bool,
    /// The data product that provides.
    pub provider_product: Option<String>,
    /// The port that provides.
    pub provider_port: Option<String>,
    /// The team that provides, where it is told.
    pub provider_team: Option<String>,
    /// Who consumes.
    pub consumer: Consumer,
    /// The collection that it was read from.
    pub resource: Resource,
    /// As it came.
    pub document: Value,
}

/// Who consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumer {
    /// A data product.
    DataProduct(String),
    /// A team.
    Team(String),
    /// A person.
    User(String),
    /// Nobody is named.
    Unknown,
}

impl Access {
    pub(super) fn read(document: Value, resource: Resource) -> Result<Self, String> {
        let info = &document["info"];
        let id = text(&document["id"]).or_else(|| text(&info["id"]));
        let id = id.ok_or("an access without `id`")?;
        // Before it is approved an access may not say that it is not active.
        let cannot_be = matches!(info["status"].as_str(), Some("requested" | "rejected"));
        let active = info["active"].as_bool().or(cannot_be.then_some(false));
        let active = active.ok_or_else(|| format!("the access `{id}` has no `info.active`"))?;
        let provider = &document["provider"];
        let known = |value: &Value| text(value).filter(|it| it != UNKNOWN);
        Ok(Self {
            active,
            provider_product: known(&provider["dataProductId"]),
            provider_port: known(&provider["outputPortId"]),
            provider_team: text(&provider["teamId"]),
            consumer: Consumer::read(&document["consumer"]),
            id,
            resource,
            document,
        })
    }
}

impl Consumer {
    /// A data product has its team beside it, so it is looked for first.
    fn read(value: &Value) -> Self {
        if let Some(id) = text(&value["dataProductId"]) {
            return Self::DataProduct(id);
        }
        if let Some(id) = text(&value["userId"]) {
            return Self::User(id);
        }
        text(&value["teamId"]).map_or(Self::Unknown, Self::Team)
    }
}

/// A data product of either specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Custom properties.
    pub custom: Custom,
    /// Output ports.
    pub ports: Vec<Port>,
}

/// An output port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// ODPS has none.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Custom properties.
    pub custom: Custom,
}

impl Product {
    pub(super) fn read(document: &Value) -> Result<Self, String> {
        if !document.is_object() {
            return Err("a data product that is no object".to_owned());
        }
        let ports = document["outputPorts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ports = ports.iter().map(|port| Port {
            id: text(&port["id"]),
            name: text(&port["name"]),
            custom: custom(port),
        });
        Ok(Self { custom: custom(document), ports: ports.collect() })
    }

    /// The ports that an agreement can mean by `id`: those with that id, else those with that name.
    pub fn ports_of(&self, id: &str) -> Vec<&Port> {
        let by = |key: fn(&Port) -> &Option<String>| -> Vec<&Port> {
            self.ports.iter().filter(|port| key(port).as_deref() == Some(id)).collect()
        };
        Some(by(|port| &port.id))
            .filter(|found| !found.is_empty())
            .unwrap_or_else(|| by(|port| &port.name))
    }
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Custom properties.
    pub custom: Custom,
}

impl Team {
    pub(super) fn read(document: &Value) -> Self {
        Self { custom: custom(document) }
    }
}

/// A notification: something happened to a resource. What it is like now has to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The cursor behind it.
    pub id: String,
    /// `AccessActivatedEvent`, whatever stands before it.
    pub kind: String,
    /// The resource: `data.id`, else `subject`.
    pub resource: Option<String>,
}

impl Event {
    pub(super) fn read_all(body: &Value) -> Result<Vec<Self>, String> {
        let events = body.as_array().ok_or("it is no list of events")?;
        events.iter().map(Self::read).collect()
    }

    /// Reads one CloudEvent.
    pub(crate) fn read(event: &Value) -> Result<Self, String> {
        let id = text(&event["id"]).ok_or("an event without `id`, which is the cursor")?;
        let kind = text(&event["type"]).unwrap_or_default();
        let kind = kind.rsplit('.').next().unwrap_or_default().to_owned();
        let resource = text(&event["data"]["id"]).or_else(|| text(&event["subject"]));
        Ok(Self { id, kind, resource })
    }
}

/// `custom` of DPS and teams, `customProperties` of ODPS.
fn custom(document: &Value) -> Custom {
    let map = document["custom"].as_object().into_iter().flatten();
    let map = map.map(|(key, value)| (key.clone(), value));
    let list = document["customProperties"].as_array().into_iter().flatten();
    let list = list.filter_map(|it| Some((text(&it["property"])?, &it["value"])));
    map.chain(list).filter_map(|(key, value)| Some((key, plain(value)?))).collect()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().to_owned()).filter(|it| !it.is_empty()),
        other => Some(other.to_string()),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|it| !it.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_access_of_2023_has_its_id_inside() {
        let access = Access::read(
            json!({"info": {"id": "acc-17", "active": true},
            "provider": {"dataProductId": "unknown", "outputPortId": "unknown"}, "consumer": {"teamId": "billing"}}),
            Resource::Access,
        );
        let access = access.unwrap();
        assert_eq!((access.id.as_str(), access.active), ("acc-17", true));
        assert_eq!((access.provider_product, access.provider_port), (None, None));
        assert_eq!(access.consumer, Consumer::Team("billing".into()));
    }

    #[test]
    fn an_access_that_does_not_say_whether_it_is_active_is_not_understood() {
        let read = |document| Access::read(document, Resource::Access);
        for info in [json!({}), json!({"status": "approved"})] {
            let problem = read(json!({"id": "acc-17", "info": info})).unwrap_err();
            assert!(problem.contains("info.active"), "{problem}");
        }
        read(json!({"info": {"active": true}})).unwrap_err();
        for status in ["requested", "rejected"] {
            assert!(!read(json!({"id": "acc-17", "info": {"status": status}})).unwrap().active);
        }
    }

    #[test]
    fn custom_properties_are_read_in_both_shapes() {
        let dps = json!({"custom": {"aws-role-name": " r ", "number": 7, "none": null}});
        let odps = json!({"customProperties": [{"property": "aws-role-name", "value": "r"},
            {"property": "number", "value": 7}, {"value": "x"}]});
        assert_eq!(custom(&dps), custom(&odps));
        assert_eq!(custom(&dps)["number"], "7");
    }

    #[test]
    fn a_port_is_found_by_its_id_and_else_by_its_name() {
        let product = Product::read(
            &json!({"outputPorts": [{"id": "a", "name": "b"}, {"name": "a"}, {"name": "b"}]}),
        );
        let product = product.unwrap();
        assert_eq!(product.ports_of("a").len(), 1);
        assert_eq!(product.ports_of("b").len(), 2);
        assert!(product.ports_of("c").is_empty());
    }
}
