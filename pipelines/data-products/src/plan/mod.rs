//! What is to be done: both sides compared, product by product.
//!
//! Responsible for: which product in Galaxy is whose ([`owner`]), what differs ([`difference`]), what is to go
//! ([`removal`]). Works on what was read and does nothing itself. The same comparison makes the plan, does the work
//! (which makes it again, on what it finds then), and proves it afterwards.

use serde::{Deserialize, Serialize};

pub(crate) mod difference;
pub(crate) mod order;
pub(crate) mod owner;
pub(crate) mod removal;

use crate::actual::Actual;
use crate::config::access::Terms;
use crate::desired::{Desired, Product};
use crate::ledger::Rows;
use difference::{Difference, Trust};
use owner::{Ownership, TakeOver, TakeOvers};
pub(crate) use removal::Removal;

/// Everything that a plan is made from.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'s> {
    pub(crate) desired: &'s Desired,
    pub(crate) actual: &'s Actual,
    pub(crate) rows: &'s Rows,
    pub(crate) terms: &'s Terms,
}

/// What is to be done about one product.
///
/// ```json
/// {"id":"7f0f...","name":"sales_orders","action":"update","detail":"the summary; the view `orders_v` (changed in SEP)"}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// In SEP.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) action: Action,
    /// What differs.
    pub(crate) detail: String,
    /// The product that it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) takes_over: Option<TakeOver>,
}

/// What is done about a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Create,
    Update,
}

/// What somebody should know about a product that nothing is done about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: NoticeKind,
    pub(crate) detail: String,
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeKind {
    /// It is as it should be, but for what the notice says.
    Unchanged,
    /// It is not to be kept in step now.
    Skipped,
    /// It is to go, and the guard holds that back.
    Held,
    /// It cannot be done.
    Failed,
}

/// The products that differ, in an order in which views come after those that they read.
pub(crate) fn changes(
    sides: Sides<'_>,
    takes_over: &TakeOvers,
) -> (Vec<Change>, Vec<Notice>, usize) {
    let (mut changes, mut notices, mut unchanged) = (Vec::new(), Vec::new(), 0);
    for product in order::ordered(&sides.desired.products) {
        match compare(sides, product, takes_over, Trust::Nothing) {
            Err(conflict) => notices.push(Notice::of(product, NoticeKind::Failed, conflict)),
            Ok(difference) if difference.is_empty() => {
                unchanged += 1;
                notices.extend(
                    difference.told().map(|told| Notice::of(product, NoticeKind::Unchanged, told)),
                );
            }
            Ok(difference) => changes.push(Change::of(product, &difference, sides, takes_over)),
        }
    }
    for (id, listed) in &sides.desired.unreadable {
        notices.push(Notice {
            id: id.clone(),
            name: listed.name.clone(),
            kind: NoticeKind::Failed,
            detail: listed.reason.clone(),
        });
    }
    (changes, notices, unchanged)
}

/// How a product differs from what Galaxy holds.
///
/// # Errors
/// Why it must not be touched there.
pub(crate) fn compare(
    sides: Sides<'_>,
    product: &Product,
    takes_over: &TakeOvers,
    trust: Trust,
) -> Result<Difference, String> {
    let ownership = Ownership::of(sides, product, takes_over)?;
    Ok(Difference::between(sides, product, &ownership, trust))
}

impl Change {
    fn of(
        product: &Product,
        difference: &Difference,
        sides: Sides<'_>,
        takes_over: &TakeOvers,
    ) -> Self {
        let action = if difference.galaxy_id.is_some() { Action::Update } else { Action::Create };
        let row = sides.rows.get(&product.id);
        let is_known = row.is_some_and(|row| row.hash.as_ref() == Some(&product.hash()));
        let why = match action {
            Action::Create => "",
            Action::Update if is_known => " (changed in Galaxy)",
            Action::Update => " (changed in SEP)",
        };
        let detail = format!("{}{why}", difference.line());
        let takes_over = takes_over.get(&product.id).cloned();
        Self { id: product.id.clone(), name: product.name.clone(), action, detail, takes_over }
    }
}

impl Notice {
    fn of(product: &Product, kind: NoticeKind, detail: String) -> Self {
        Self { id: product.id.clone(), name: product.name.clone(), kind, detail }
    }
}
