//! What is to go: products that SEP has no more, and schemas that products have left.
//!
//! Nothing goes unless it carries both the tag and the source link, unless reading it by id confirmed that SEP has it
//! no more, and unless the share of what is missing is small or somebody said that it is all right.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::owner::{TakeOver, TakeOvers, is_tagged};
use super::{Notice, NoticeKind, Sides};
use crate::galaxy;
use crate::ledger::LeftBehind;
use crate::source_link::{Origin, origin};

/// Something to remove.
///
/// ```json
/// {"id":"7f0f...","name":"sales_orders","galaxy_id":"dp-1","schema":"sales_orders","views":["orders_v"],"why":"gone"}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// In SEP.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) galaxy_id: Option<String>,
    pub(crate) schema: String,
    /// Those of ours in it.
    pub(crate) views: Vec<String>,
    pub(crate) why: Why,
}

/// Why something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// SEP has the product no more.
    Gone,
    /// The product has another schema now.
    Moved,
}

/// Whether SEP still has a product that it does not list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// 404.
    Gone,
    /// It is there: a search, or a role, hides it.
    There,
    /// It could not be asked.
    Unknown(String),
}

/// What the guards work with.
#[derive(Clone, Copy)]
pub(crate) struct Guards {
    pub(crate) max_delete_share: f64,
    pub(crate) allow_deletes: bool,
}

/// What is to go, and what stays though it might go.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    pub(crate) items: Vec<Removal>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) takes_over: TakeOvers,
}

/// A product of ours that SEP does not list.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    pub(crate) id: String,
    name: String,
    galaxy_id: Option<String>,
}

/// The products of ours that SEP does not list.
pub(crate) fn missing(sides: Sides<'_>) -> Vec<Missing> {
    known(sides).into_values().filter(|it| !sides.desired.lists(&it.id)).collect()
}

/// Why nothing may go, if the listing has shrunk too much.
fn held(sides: Sides<'_>, missing: usize, guards: Guards) -> Option<String> {
    let (known, max) = (known(sides).len(), guards.max_delete_share);
    let share = missing as f64 / (known as f64).max(1.0);
    (!guards.allow_deletes && share > max).then(|| {
        format!(
            "SEP lists {missing} of {known} products no more, a larger share than `max_delete_share` ({max}) allows: \
             check the source, then run again with `--allow-deletes`"
        )
    })
}

/// Every product of this source, by the ledger or by its own marks.
fn known(sides: Sides<'_>) -> BTreeMap<String, Missing> {
    let marked = sides.actual.products.iter().filter(|it| is_tagged(sides, it));
    let marked = marked.filter_map(|it| match origin(sides.terms, &it.links) {
        Origin::Ours(id) => {
            Some(Missing { id, name: it.name.clone(), galaxy_id: Some(it.data_product_id.clone()) })
        }
        Origin::OursUnnamed | Origin::Foreign => None,
    });
    let rows = sides.rows.values();
    let rows = rows.map(|row| Missing {
        id: row.id.clone(),
        name: row.name.clone(),
        galaxy_id: row.galaxy_id.clone(),
    });
    // The ledger last: its id in Galaxy counts.
    marked.chain(rows).map(|it| (it.id.clone(), it)).collect()
}

impl Missing {
    fn notice(&self, kind: NoticeKind, detail: &str) -> Notice {
        Notice { id: self.id.clone(), name: self.name.clone(), kind, detail: detail.to_owned() }
    }
}

/// What is to go of what is missing, and of the schemas that were left.
pub(crate) fn removals(
    sides: Sides<'_>,
    missing: &[Missing],
    confirmed: &BTreeMap<String, Confirmation>,
    guards: Guards,
) -> Removals {
    let mut found = Removals::default();
    let held = held(sides, missing.len(), guards);
    // A search may hide whatever it likes.
    let held_though_there = held.as_ref().filter(|_| sides.terms.search.is_none());
    for it in missing {
        let notice = |kind, detail: &str| it.notice(kind, detail);
        match (confirmed.get(&it.id), &held) {
            (Some(Confirmation::Gone), None) => found.gone(sides, it, guards),
            (Some(Confirmation::There), _) if held_though_there.is_none() => {
                let detail = "SEP does not list it, but has it: it is left as it is";
                found.notices.push(notice(NoticeKind::Skipped, detail));
            }
            (_, Some(held)) => found.notices.push(notice(NoticeKind::Held, held)),
            (Some(Confirmation::Unknown(reason)), None) => {
                found.notices.push(notice(NoticeKind::Failed, reason));
            }
            (Some(Confirmation::There) | None, None) => {}
        }
    }
    found.moved(sides);
    found.passed_over(sides);
    found
}

impl Removals {
    /// A product that is really gone: removed, or continued by one of the same name.
    fn gone(&mut self, sides: Sides<'_>, missing: &Missing, guards: Guards) {
        let row = sides.rows.get(&missing.id);
        let record = missing
            .galaxy_id
            .as_deref()
            .and_then(|id| sides.actual.products.iter().find(|it| it.data_product_id == id));
        if let Some(new) = record.and_then(|record| successor(sides, record)) {
            let record = record.expect("it has a successor");
            let take_over =
                TakeOver { from: missing.id.clone(), galaxy_id: record.data_product_id.clone() };
            self.takes_over.insert(new, take_over);
            return;
        }
        if let Some(objection) = record.and_then(|record| objection(sides, record, &missing.id)) {
            self.notices.push(missing.notice(NoticeKind::Skipped, &objection));
            return;
        }
        let schema = row
            .map(|row| row.schema.clone())
            .or_else(|| record.map(|it| it.schema_name.to_lowercase()));
        let schema = schema.unwrap_or_default();
        let views = match row {
            Some(row) => row.views.keys().cloned().collect(),
            None if guards.allow_deletes => sides.actual.views_in(&schema).cloned().collect(),
            None => {
                let detail = "SEP has it no more, but the ledger does not know which views in its schema are ours: run \
                              again with `--allow-deletes`, or delete it by hand";
                self.notices.push(missing.notice(NoticeKind::Held, detail));
                return;
            }
        };
        let Missing { id, name, .. } = missing.clone();
        let galaxy_id = record.map(|it| it.data_product_id.clone());
        self.items.push(Removal { id, name, galaxy_id, schema, views, why: Why::Gone });
    }

    /// Schemas that products have left, in this run or an earlier one.
    fn moved(&mut self, sides: Sides<'_>) {
        for row in sides.rows.values() {
            let Some(product) = sides.desired.products.get(&row.id) else { continue };
            let leaves = (row.schema != product.schema).then(|| LeftBehind {
                catalog: row.catalog.clone(),
                schema: row.schema.clone(),
                views: row.views.keys().cloned().collect(),
            });
            let left = row.left_behind.iter().cloned().chain(leaves);
            for LeftBehind { schema, views, .. } in
                left.filter(|it| it.catalog == sides.terms.catalog)
            {
                let (id, name) = (product.id.clone(), product.name.clone());
                self.items.push(Removal {
                    id,
                    name,
                    galaxy_id: None,
                    schema,
                    views,
                    why: Why::Moved,
                });
            }
        }
    }

    /// What is listed and not kept in step is told, where there is something of it in Galaxy.
    fn passed_over(&mut self, sides: Sides<'_>) {
        let known: BTreeSet<String> = known(sides).into_keys().collect();
        for (id, listed) in &sides.desired.passed_over {
            let in_galaxy =
                if known.contains(id) { "; what Galaxy has of it is left as it is" } else { "" };
            let detail = format!("{}{in_galaxy}", listed.reason);
            self.notices.push(Notice {
                id: id.clone(),
                name: listed.name.clone(),
                kind: NoticeKind::Skipped,
                detail,
            });
        }
        self.unnamed(sides);
    }

    /// What the reference made carries no id: that it is gone cannot be confirmed.
    fn unnamed(&mut self, sides: Sides<'_>) {
        let named = |name: &str| {
            sides.desired.products.values().any(|it| it.name == name)
                || sides.desired.passed_over.values().any(|it| it.name == name)
                || sides.desired.unreadable.values().any(|it| it.name == name)
        };
        let of_reference = |it: &&galaxy::Product| {
            is_tagged(sides, it) && origin(sides.terms, &it.links) == Origin::OursUnnamed
        };
        let left = sides.actual.products.iter().filter(of_reference).filter(|it| !named(&it.name));
        self.notices.extend(left.map(|it| Notice {
            id: it.data_product_id.clone(),
            name: it.name.clone(),
            kind: NoticeKind::Skipped,
            detail: "SEP lists no product of this name, and its source link carries no id to confirm that by: delete it \
                     by hand"
                .to_owned(),
        }));
    }
}

/// The product that has the name or the schema of one that is gone, and no record of its own.
fn successor(sides: Sides<'_>, record: &galaxy::Product) -> Option<String> {
    let recorded = |id: &str| sides.rows.get(id).is_some_and(|row| row.galaxy_id.is_some());
    let is_marked = |id: &str| {
        sides
            .actual
            .products
            .iter()
            .any(|it| origin(sides.terms, &it.links) == Origin::Ours(id.to_owned()))
    };
    let continues = |product: &&std::sync::Arc<crate::desired::Product>| {
        product.name == record.name || product.schema.eq_ignore_ascii_case(&record.schema_name)
    };
    let is_new = |id: &str| !recorded(id) && !is_marked(id);
    let mut new =
        sides.desired.products.values().filter(continues).map(|product| product.id.clone());
    new.find(|id| is_new(id)).filter(|_| is_tagged(sides, record))
}

/// Why a record must not be deleted. Both marks must be there, whatever the ledger says.
pub(crate) fn objection(sides: Sides<'_>, record: &galaxy::Product, id: &str) -> Option<String> {
    let is_ours = origin(sides.terms, &record.links) == Origin::Ours(id.to_owned());
    let why = match (is_ours, is_tagged(sides, record)) {
        (true, true) => return None,
        (false, true) => "its source link is not that of this synchronisation any more",
        (true, false) => "its schema does not carry the tag any more, or lies in another catalog",
        (false, false) => "it carries neither tag nor source link any more",
    };
    Some(format!("SEP has it no more, but {why}: it is left as it is"))
}
