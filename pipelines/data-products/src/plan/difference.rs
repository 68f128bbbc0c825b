//! How one product differs from what Galaxy holds of it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::Sides;
use super::owner::Ownership;
use crate::actual::Actual;
use crate::desired::{Product, View};
use crate::digest::digest;
use crate::galaxy;
use crate::ledger::{LeftBehind, Part, Row};
use crate::sql::fingerprint::fingerprint;

/// What a text that Galaxy tells is held against, where it is laid out in a way that cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Only what it told after an earlier run.
    Nothing,
    /// It was sent in this run, and is another text than before.
    JustSent,
}

/// What there is to do for a product.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Its record in Galaxy, if there is one.
    pub(crate) galaxy_id: Option<String>,
    /// The members of the record to write: all of a new one.
    pub(crate) members: Map<String, Value>,
    pub(crate) create_schema: bool,
    pub(crate) tag_schema: bool,
    /// The views to make or replace, with the hash of the text that is there now.
    pub(crate) write: BTreeMap<String, Option<String>>,
    /// The views of ours to drop.
    pub(crate) drop: BTreeSet<String>,
    /// The schema that the product leaves.
    pub(crate) leaves: Option<LeftBehind>,
    /// What is not as it might be, and not ours to change.
    pub(crate) warnings: Vec<String>,
}

impl Difference {
    pub(super) fn between(
        sides: Sides<'_>,
        product: &Product,
        ownership: &Ownership<'_>,
        trust: Trust,
    ) -> Self {
        let Sides { actual, rows, terms, .. } = sides;
        let row = rows.get(&product.id).filter(|row| row.catalog == terms.catalog);
        let here = row.filter(|row| row.schema == product.schema);
        let known = here.map(|row| &row.views);
        let mut warnings = left(product);
        let contacts = contacts(product, actual, terms.fallback_contact.as_deref(), &mut warnings);
        let mut wanted = members(product, actual, &contacts);
        if row.is_some_and(|row| row.has_business_context) {
            wanted.entry("businessContext").or_insert_with(|| json!(""));
        }
        let was_sent = trust == Trust::JustSent
            || row.is_some_and(|row| row.hash.as_ref() == Some(&product.hash()));
        let members = match ownership.record {
            Some(record) => changed(wanted, record, was_sent),
            None => wanted,
        };
        let is_same = |name: &str, view: &View| {
            let text = actual.view(&product.schema, name);
            text.is_some_and(|text| match known {
                Some(parts) => parts.get(name).is_some_and(|part| is_same(view, text, part, trust)),
                // No row: adopted by its marks, as far as the texts tell.
                None => says_the_same(view, text),
            })
        };
        let write = product.views.iter().filter(|(name, view)| !is_same(name, view));
        let write =
            write.map(|(name, _)| (name.clone(), actual.view(&product.schema, name).map(digest)));
        let is_wanted =
            |name: &str| product.views.contains_key(name) || product.left.contains_key(name);
        let ours = known.into_iter().flatten().map(|(name, _)| name);
        let drop =
            ours.filter(|name| !is_wanted(name) && actual.view(&product.schema, name).is_some());
        Self {
            galaxy_id: ownership.record.map(|record| record.data_product_id.clone()),
            members,
            create_schema: !ownership.has_schema,
            tag_schema: !actual.is_tagged(&product.schema),
            write: write.collect(),
            drop: drop.cloned().collect(),
            leaves: row.filter(|row| row.schema != product.schema).map(leaves),
            warnings,
        }
    }

    /// Nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { members, create_schema, tag_schema, write, drop, .. } = self;
        members.is_empty() && !create_schema && !tag_schema && write.is_empty() && drop.is_empty()
    }

    /// Nothing but the tag is missing.
    pub(crate) fn is_of_the_tag(&self) -> bool {
        let Self { members, create_schema, tag_schema, write, drop, .. } = self;
        let is_more =
            *create_schema || !(members.is_empty() && write.is_empty() && drop.is_empty());
        *tag_schema && !is_more
    }

    /// The warnings in one line.
    pub(crate) fn told(&self) -> Option<String> {
        (!self.warnings.is_empty()).then(|| self.warnings.join("; "))
    }

    /// What is to be done, in one line.
    pub(crate) fn line(&self) -> String {
        let some = |is_so: bool, text: &str| is_so.then(|| text.to_owned());
        let views = |what: &str, names: Vec<&String>| {
            let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let names: Vec<_> = self.members.keys().map(String::as_str).collect();
        let record = match &self.galaxy_id {
            None => Some("a new product".to_owned()),
            Some(_) => (!names.is_empty()).then(|| names.join(", ")),
        };
        let parts = [
            record,
            some(self.create_schema, "the schema"),
            some(self.tag_schema && self.galaxy_id.is_some(), "the tag"),
            views("the views", self.write.keys().collect()),
            views("without the views", self.drop.iter().collect()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn left(product: &Product) -> Vec<String> {
    let views = product.left.iter();
    let views = views.map(|(name, reason)| format!("the view `{name}` is left as it is: {reason}"));
    views.chain(product.warnings.iter().cloned()).collect()
}

fn leaves(row: &Row) -> LeftBehind {
    LeftBehind {
        catalog: row.catalog.clone(),
        schema: row.schema.clone(),
        views: row.views.keys().cloned().collect(),
    }
}

/// The ids of the owners who have an account. The others are told.
fn contacts(
    product: &Product,
    actual: &Actual,
    fallback: Option<&str>,
    warnings: &mut Vec<String>,
) -> BTreeSet<String> {
    let (known, unknown): (Vec<_>, Vec<_>) =
        product.contacts.iter().partition(|email| actual.users.contains_key(*email));
    if !unknown.is_empty() {
        let unknown: Vec<_> = unknown.into_iter().map(String::as_str).collect();
        warnings.push(format!("no account in Galaxy: {}", unknown.join(", ")));
    }
    let mut ids: BTreeSet<String> =
        known.into_iter().map(|email| actual.users[email].clone()).collect();
    if ids.is_empty() {
        ids.extend(fallback.and_then(|email| actual.users.get(email)).cloned());
    }
    ids
}

/// The record as Galaxy wants it written. The context and the cluster are left as they are where nothing is said.
fn members(product: &Product, actual: &Actual, contacts: &BTreeSet<String>) -> Map<String, Value> {
    let email =
        |id: &String| actual.users.iter().find(|(_, it)| *it == id).map(|(email, _)| email.clone());
    let contacts: Vec<Value> =
        contacts.iter().map(|id| json!({"userId": id, "email": email(id)})).collect();
    let mut members = Map::from_iter([
        ("name".to_owned(), json!(product.name)),
        ("summary".to_owned(), json!(product.summary)),
        ("description".to_owned(), json!(product.description)),
        ("catalogId".to_owned(), json!(actual.catalog)),
        ("schemaName".to_owned(), json!(product.schema)),
        ("contacts".to_owned(), json!(contacts)),
        ("links".to_owned(), json!(product.links)),
    ]);
    members.extend(
        product.business_context.iter().map(|it| ("businessContext".to_owned(), json!(it))),
    );
    members.extend(actual.cluster.iter().map(|it| ("defaultClusterId".to_owned(), json!(it))));
    members
}

/// The links without those that are no URLs: Galaxy may refuse these.
pub(crate) fn absolute(links: &Value) -> Value {
    let is_absolute = |link: &&Value| link["uri"].as_str().is_some_and(|it| Url::parse(it).is_ok());
    links.as_array().into_iter().flatten().filter(is_absolute).cloned().collect()
}

/// The members that are not so yet. Contacts and links have no order. What Galaxy does not tell, or has refused, is as
/// wanted if just that was sent.
fn changed(
    wanted: Map<String, Value>,
    record: &galaxy::Product,
    was_sent: bool,
) -> Map<String, Value> {
    let ids = |contacts: &Value| -> BTreeSet<String> {
        let all = contacts.as_array().into_iter().flatten();
        all.filter_map(|contact| contact["userId"].as_str().map(str::to_owned)).collect()
    };
    let actual_ids =
        || record.contacts.iter().map(|contact| contact.user_id.clone()).collect::<BTreeSet<_>>();
    let actual_links = || json!(record.links.iter().collect::<BTreeSet<_>>());
    let is_so = |name: &str, value: &Value| match name {
        "name" => *value == record.name,
        "summary" => *value == record.summary,
        "description" => *value == record.description,
        "businessContext" => match &record.business_context {
            Some(context) => value == context,
            None => was_sent || value == "",
        },
        "catalogId" => value.as_str() == record.catalog_id(),
        "schemaName" => {
            value.as_str().is_some_and(|it| it.eq_ignore_ascii_case(&record.schema_name))
        }
        "defaultClusterId" => value.as_str() == record.default_cluster_id.as_deref(),
        "contacts" => ids(value) == actual_ids(),
        "links" => {
            let links = actual_links();
            *value == links || was_sent && absolute(value) == links
        }
        _ => unreachable!("the members are those above"),
    };
    wanted.into_iter().filter(|(name, value)| !is_so(name, value)).collect()
}

/// Whether a view is what is wanted. What was sent counts before any comparison of texts: that is blind for layout.
fn is_same(view: &View, text: &str, part: &Part, trust: Trust) -> bool {
    if part.sent != view.hash() {
        return false;
    }
    // It is there, and its text is not to be had.
    if text.is_empty() {
        return true;
    }
    match &part.read {
        Some(read) => *read == digest(&text) || says_the_same(view, text),
        None if trust == Trust::JustSent => {
            says_the_same(view, text) || part.replaced.as_ref() != Some(&digest(&text))
        }
        None => says_the_same(view, text),
    }
}

fn says_the_same(view: &View, text: &str) -> bool {
    fingerprint(text) == fingerprint(&view.query)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(context: &Value) -> galaxy::Product {
        let record = json!({"dataProductId": "dp-1", "name": "n", "businessContext": context});
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn a_context_that_galaxy_does_not_tell_is_what_was_sent_last() {
        let differs = |wanted: &str, told: Value, was_sent| {
            let wanted = Map::from_iter([("businessContext".to_owned(), json!(wanted))]);
            !changed(wanted, &record(&told), was_sent).is_empty()
        };
        assert!(!differs("a", Value::Null, true));
        assert!(differs("a", Value::Null, false));
        assert!(!differs("", Value::Null, false));
        assert!(differs("", json!("a"), true));
        assert!(!differs("a", json!("a"), false));
    }
}
