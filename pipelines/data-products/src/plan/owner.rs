//! Whose a product or schema in Galaxy is. What is not provably ours is never touched.
//!
//! | Proof | For |
//! | --- | --- |
//! | a row in the ledger | the product with the id in it, the schema in it |
//! | source link with host and id, and tag on the schema | adoption, when the ledger is lost |
//! | source link with the host alone, tag, and the same name | adoption of what the reference made |
//! | tag, no product in it, no view that is not wanted | a schema of a creation that broke off, when the ledger is lost |

use std::collections::BTreeMap;

use super::Sides;
use crate::desired::Product;
use crate::galaxy;
use crate::source_link::{Origin, origin};

/// Products of ours whose place is taken by another one of the same name: by the new id, the old id and the id in Galaxy.
pub(crate) type TakeOvers = BTreeMap<String, TakeOver>;

/// A product of ours that has gone from SEP, whose name came back under another id.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct TakeOver {
    /// The id in SEP that is gone.
    pub(crate) from: String,
    pub(crate) galaxy_id: String,
}

/// What of Galaxy belongs to a product.
pub(crate) struct Ownership<'s> {
    /// Its record, if there is one.
    pub(crate) record: Option<&'s galaxy::Product>,
    /// Whether its schema is there.
    pub(crate) has_schema: bool,
}

impl<'s> Ownership<'s> {
    /// # Errors
    /// Why the product must not be touched.
    pub(super) fn of(
        sides: Sides<'s>,
        product: &Product,
        takes_over: &TakeOvers,
    ) -> Result<Self, String> {
        same_schema_twice(sides, product)?;
        let record = record(sides, product, takes_over);
        if let Some(foreign) =
            sides.actual.products.iter().find(|it| it.name == product.name && !is(record, it))
        {
            let is_ours = is_of_another_product_of_ours(sides, foreign);
            if !is_ours {
                return Err(format!(
                    "Galaxy has a data product `{}` that this synchronisation did not make; rename or delete one of them",
                    product.name
                ));
            }
        }
        let has_schema = sides.actual.schemas.contains(&product.schema);
        if has_schema && !owns_schema(sides, product, record, takes_over) {
            return Err(format!(
                "the schema `{}` in the catalog `{}` is not of this synchronisation's making; rename or drop one of them",
                product.schema, sides.terms.catalog
            ));
        }
        Ok(Self { record, has_schema })
    }
}

fn is(record: Option<&galaxy::Product>, other: &galaxy::Product) -> bool {
    record.is_some_and(|record| record.data_product_id == other.data_product_id)
}

/// Two products of SEP cannot share a schema here: both would drop the other's views.
fn same_schema_twice(sides: Sides<'_>, product: &Product) -> Result<(), String> {
    let holds = |it: &Product| sides.rows.get(&it.id).is_some_and(|row| row.schema == it.schema);
    let others = sides
        .desired
        .products
        .values()
        .filter(|it| it.id != product.id && it.schema == product.schema);
    for other in others {
        let is_first = holds(product) && !holds(other)
            || holds(product) == holds(other) && product.id < other.id;
        if !is_first {
            return Err(format!(
                "its schema `{}` is also that of `{}`",
                product.schema, other.name
            ));
        }
    }
    Ok(())
}

/// The record of a product in Galaxy.
fn record<'s>(
    sides: Sides<'s>,
    product: &Product,
    takes_over: &TakeOvers,
) -> Option<&'s galaxy::Product> {
    let by_id = |id: &str| sides.actual.products.iter().find(|it| it.data_product_id == id);
    let known = sides.rows.get(&product.id).and_then(|row| row.galaxy_id.as_deref());
    let taken = takes_over.get(&product.id).map(|it| it.galaxy_id.as_str());
    known.and_then(by_id).or_else(|| adopted(sides, product)).or_else(|| taken.and_then(by_id))
}

/// The record that the product has by tag and source link, though the ledger does not know it.
fn adopted<'s>(sides: Sides<'s>, product: &Product) -> Option<&'s galaxy::Product> {
    let marked = |it: &&galaxy::Product| is_tagged(sides, it);
    let is_it = |it: &&galaxy::Product| match origin(sides.terms, &it.links) {
        Origin::Ours(id) => id == product.id,
        Origin::OursUnnamed => it.name == product.name,
        Origin::Foreign => false,
    };
    sides.actual.products.iter().filter(marked).find(is_it)
}

/// Whether the schema of a record carries the tag.
pub(super) fn is_tagged(sides: Sides<'_>, record: &galaxy::Product) -> bool {
    record.catalog_id() == Some(sides.actual.catalog.as_str())
        && sides.actual.is_tagged(&record.schema_name)
}

/// Whether another product of ours has the name of this one, and gives it up in this run.
pub(crate) fn is_name_given_up(sides: Sides<'_>, product: &Product, record: Option<&str>) -> bool {
    let others = sides.actual.products.iter();
    let mut others = others.filter(|it| Some(it.data_product_id.as_str()) != record);
    others.any(|it| it.name == product.name && is_of_another_product_of_ours(sides, it))
}

/// Another product of ours holds the name now, and is to leave it in this run or has left the source.
fn is_of_another_product_of_ours(sides: Sides<'_>, record: &galaxy::Product) -> bool {
    match origin(sides.terms, &record.links) {
        Origin::Ours(id) => {
            is_tagged(sides, record)
                && sides.desired.products.get(&id).is_some_and(|other| other.name != record.name)
        }
        Origin::OursUnnamed | Origin::Foreign => false,
    }
}

fn owns_schema(
    sides: Sides<'_>,
    product: &Product,
    record: Option<&galaxy::Product>,
    takes_over: &TakeOvers,
) -> bool {
    let schema = product.schema.as_str();
    let is_foreign = |it: &galaxy::Product| {
        let of_ours = matches!(origin(sides.terms, &it.links), Origin::Ours(id) if sides.rows.contains_key(&id));
        !is(record, it) && !of_ours
    };
    if sides.actual.products_in(schema).any(is_foreign) {
        return false;
    }
    let claims = |id: &str| {
        sides
            .rows
            .get(id)
            .is_some_and(|row| row.catalog == sides.terms.catalog && row.schema == schema)
    };
    let claimed =
        claims(&product.id) || takes_over.get(&product.id).is_some_and(|it| claims(&it.from));
    let recorded = record
        .is_some_and(|it| is_tagged(sides, it) && it.schema_name.eq_ignore_ascii_case(schema));
    claimed || recorded || is_left_by_a_creation(sides, product)
}

fn is_left_by_a_creation(sides: Sides<'_>, product: &Product) -> bool {
    sides.actual.is_tagged(&product.schema)
        && sides.actual.products_in(&product.schema).next().is_none()
        && sides.actual.views_in(&product.schema).all(|view| product.views.contains_key(view))
}
