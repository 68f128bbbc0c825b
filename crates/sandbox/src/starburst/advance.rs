//! Changes of the source, as a day brings them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::generate;
use super::sep::model::{Column, Product};
use super::sep::publish;
use super::service::World;
use crate::draw::{Draw, mix};

/// How many products are to change, and in which way; every one in one way only.
///
/// `{"seed": 1, "changed": 5, "deleted": 3, "added": 0, "renamed": 0, "moved": 0, "refreshed": 0}`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Advance {
    /// Decides which, and how.
    pub seed: u64,
    /// Get another text, view, column, owner or link.
    pub changed: usize,
    /// Go.
    pub deleted: usize,
    /// Come.
    pub added: usize,
    /// Get another name.
    pub renamed: usize,
    /// Get another schema.
    pub moved: usize,
    /// Get a new storage table for a materialized view.
    pub refreshed: usize,
}

/// Which products changed, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Advanced {
    /// Other content.
    pub changed: Vec<String>,
    /// Gone.
    pub deleted: Vec<String>,
    /// New.
    pub added: Vec<String>,
    /// Another name.
    pub renamed: Vec<String>,
    /// Another schema.
    pub moved: Vec<String>,
    /// Another storage table.
    pub refreshed: Vec<String>,
}

pub(crate) fn advance(world: &mut World, wanted: &Advance, now: &str) -> Advanced {
    let mut draw = Draw::new(mix(wanted.seed, 0xad7a));
    let mut free = candidates(world, &mut draw);
    let refreshed = refresh(world, &mut free, wanted.refreshed);
    let mut advanced = Advanced { refreshed, ..Advanced::default() };
    for _ in 0..wanted.deleted {
        let Some(id) = free.pop() else { break };
        delete(world, &id);
        advanced.deleted.push(id);
    }
    for _ in 0..wanted.renamed {
        let Some(id) = free.pop() else { break };
        change(world, &id, now, |product| product.name.push_str("_renamed"));
        advanced.renamed.push(id);
    }
    for _ in 0..wanted.moved {
        let Some(id) = free.pop() else { break };
        change(world, &id, now, |product| product.schema_name.push_str("_moved"));
        advanced.moved.push(id);
    }
    for way in 0..wanted.changed {
        let Some(id) = free.pop() else { break };
        change(world, &id, now, |product| change_somehow(product, way, wanted.seed));
        advanced.changed.push(id);
    }
    for number in 0..wanted.added {
        let number = world.source.products.len() + 1_000 * (number + 1);
        let product = generate::ordinary(mix(wanted.seed, 7), number);
        advanced.added.push(product.id.clone());
        generate::add(world, product, now);
    }
    advanced
}

/// Published products that no other product reads, in some order.
fn candidates(world: &World, draw: &mut Draw) -> Vec<String> {
    let products = &world.source.products;
    let is_read = |product: &Product| {
        let schema = format!("{}.{}.", product.catalog_name, product.schema_name);
        products
            .iter()
            .filter(|other| other.id != product.id)
            .any(|other| other.views.iter().any(|view| view.definition_query.contains(&schema)))
    };
    let free = products.iter().filter(|product| product.is_published() && !is_read(product));
    let mut ids: Vec<String> = free.map(|product| product.id.clone()).collect();
    for last in (1..ids.len()).rev() {
        ids.swap(last, draw.below(last as u64 + 1) as usize);
    }
    ids
}

fn refresh(world: &mut World, free: &mut Vec<String>, wanted: usize) -> Vec<String> {
    let has_views = |id: &String| {
        let product = world.source.product(id);
        product.is_some_and(|product| !product.materialized_views.is_empty())
    };
    let chosen: BTreeSet<String> =
        free.iter().filter(|id| has_views(id)).take(wanted).cloned().collect();
    free.retain(|id| !chosen.contains(id));
    for id in &chosen {
        let product = world.source.product(id).expect("the product was found").clone();
        publish::refresh(world, &product, &product.materialized_views[0]);
    }
    chosen.into_iter().collect()
}

/// Removes a product and its schema in SEP; true if it was there.
pub(crate) fn delete(world: &mut World, id: &str) -> bool {
    let Some(product) = world.source.product(id).cloned() else { return false };
    publish::unpublish(world, &product);
    world.source.products.retain(|it| it.id != id);
    true
}

/// Changes a product and publishes it anew; true if it was there.
pub(crate) fn change(
    world: &mut World,
    id: &str,
    now: &str,
    how: impl FnOnce(&mut Product),
) -> bool {
    let Some(old) = world.source.product(id).cloned() else { return false };
    let mut product = old.clone();
    how(&mut product);
    product.id.clone_from(&old.id);
    now.clone_into(&mut product.updated_at);
    if (&old.catalog_name, &old.schema_name) != (&product.catalog_name, &product.schema_name) {
        publish::unpublish(world, &old);
    }
    generate::add(world, product, now);
    true
}

/// One of the ways in turn.
fn change_somehow(product: &mut Product, way: usize, seed: u64) {
    match way % 5 {
        0 => add_column(product, seed),
        1 => {
            product.summary = format!("Changed by {seed}");
            product.description = Some(format!("Another text, {seed}"));
        }
        2 => {
            let email = unknown_owner(product, seed);
            *product = product.clone().owner(&email);
        }
        3 => {
            let url = format!("https://wiki.example.org/changed/{seed}");
            *product = product.clone().link(&format!("Changed {seed}"), &url);
        }
        _ => describe_column(product, seed),
    }
}

/// Somebody whom the account knows and the product does not.
fn unknown_owner(product: &Product, seed: u64) -> String {
    let emails = (seed..).map(|number| generate::email((number % generate::USERS as u64) as usize));
    let is_new =
        |email: &String| product.owners.iter().all(|it| !it.email.eq_ignore_ascii_case(email));
    emails.take(generate::USERS).find(is_new).unwrap_or_else(|| generate::email(generate::USERS))
}

/// Another column in a view, from the same table.
fn add_column(product: &mut Product, seed: u64) {
    let name = format!("added_{seed}");
    match product.views.iter_mut().find(|view| view.is_published()) {
        Some(view) => {
            view.definition_query =
                view.definition_query.replacen(" FROM ", &format!(", {name} FROM "), 1);
            view.columns.push(Column::new(&name, "varchar"));
        }
        None => product.summary = format!("Changed by {seed}"),
    }
}

fn describe_column(product: &mut Product, seed: u64) {
    let view = product.views.iter_mut().find(|view| view.is_published());
    match view.and_then(|view| view.columns.first_mut()) {
        Some(column) => column.description = Some(format!("Described anew by {seed}")),
        None => product.summary = format!("Changed by {seed}"),
    }
}
