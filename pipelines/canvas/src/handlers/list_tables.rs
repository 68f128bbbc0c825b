//! `stepwell-canvas-list-tables`: which tables the run is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::suggest::closest;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Service;
use crate::config::Selection;
use crate::target::TableName;

/// Lists the tables of every namespace of the run.
///
/// An unknown table, or a namespace that cannot be listed, becomes an item of its own that fails by name:
/// it never hides the others.
pub struct ListTables {
    pub(crate) service: Arc<Service>,
}

/// The input of an execution. Everything is optional and else as configured.
///
/// ```json
/// {"namespace":"canvas","tables":["users","courses"],"skip_tables":[]}
/// ```
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunInput {
    namespace: Option<String>,
    namespaces: Option<Vec<String>>,
    tables: Option<Vec<String>>,
    skip_tables: Option<Vec<String>>,
}

/// ```json
/// {"tables":[{"namespace":"canvas","table":"users"}],"max_concurrency":4}
/// ```
#[derive(Debug, Serialize)]
pub struct Listing {
    tables: Vec<Item>,
    max_concurrency: u32,
}

/// One table of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    #[serde(flatten)]
    pub(super) name: TableName,
    /// Why it will fail, known already now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

#[async_trait]
impl Function for ListTables {
    type Input = RunInput;
    type Output = Listing;

    fn name(&self) -> &'static str {
        "stepwell-canvas-list-tables"
    }

    async fn call(&self, input: RunInput, ctx: &Context) -> Result<Listing, HandlerError> {
        let selection = input.select(&self.service.config.selection)?;
        // An unreachable database is told once and at once, not by every table.
        self.service.target().await?.check().await?;
        let mut tables = Vec::new();
        let mut failures = Vec::new();
        for namespace in &selection.namespaces {
            match self.service.dap.tables(namespace, ctx).await {
                Ok(known) => tables.extend(items(&selection, namespace, &known)),
                Err(error) => failures.push((namespace, HandlerError::from(error))),
            }
        }
        if failures.len() == selection.namespaces.len()
            && let Some((_, error)) = failures.pop()
        {
            return Err(error);
        }
        tables.extend(failures.into_iter().map(|(namespace, error)| whole(namespace, &error)));
        tables.extend(nowhere(&selection, &tables));
        Ok(Listing { tables, max_concurrency: self.service.config.max_concurrency })
    }
}

impl RunInput {
    fn select(self, configured: &Selection) -> Result<Selection, HandlerError> {
        let namespaces = self.namespaces.or(self.namespace.map(|namespace| vec![namespace]));
        let namespaces = namespaces.unwrap_or_else(|| configured.namespaces.clone());
        if namespaces.is_empty() {
            return Err(HandlerError::Config(
                "`namespaces` is empty, so there is nothing to replicate; name at least one, for instance `canvas`"
                    .to_owned(),
            ));
        }
        let mut seen = BTreeSet::new();
        Ok(Selection {
            namespaces: namespaces.into_iter().filter(|it| seen.insert(it.clone())).collect(),
            tables: self.tables.unwrap_or_else(|| configured.tables.clone()),
            skip_tables: self.skip_tables.unwrap_or_else(|| configured.skip_tables.clone()),
        })
    }
}

/// The items of one namespace: the known tables that are wanted, or those that were named.
fn items(selection: &Selection, namespace: &str, known: &[String]) -> Vec<Item> {
    let name = |table: &String| TableName { namespace: namespace.to_owned(), table: table.clone() };
    let item = |table: &String| Item { name: name(table), problem: None };
    let wanted = |item: &Item| !selection.skips(&item.name);
    let Some(named) = selection.named(namespace) else {
        return known.iter().map(item).filter(wanted).collect();
    };
    let several = selection.namespaces.len() > 1;
    let known_set: BTreeSet<&String> = known.iter().collect();
    let (found, unknown): (Vec<_>, Vec<_>) =
        named.iter().partition(|table| known_set.contains(table));
    let unknown =
        unknown.into_iter().filter(|table| !several || is_qualified(selection, namespace, table));
    let unknown =
        unknown.map(|table| Item { problem: Some(no_such(&name(table), known)), ..item(table) });
    found.into_iter().map(item).filter(wanted).chain(unknown).collect()
}

fn is_qualified(selection: &Selection, namespace: &str, table: &str) -> bool {
    selection.tables.iter().any(|named| *named == format!("{namespace}.{table}"))
}

/// Named tables that no namespace of the run answers for.
fn nowhere(selection: &Selection, items: &[Item]) -> Vec<Item> {
    let skipped = |table: &String| {
        let name =
            |namespace: &String| TableName { namespace: namespace.clone(), table: table.clone() };
        selection.namespaces.iter().any(|namespace| selection.skips(&name(namespace)))
    };
    let missing = |table: &&String| {
        selection.split(table).is_none()
            && !skipped(table)
            && !items.iter().any(|item| item.name.table == **table)
    };
    selection.tables.iter().filter(missing).map(|table| missing_item(selection, table)).collect()
}

fn missing_item(selection: &Selection, table: &str) -> Item {
    let namespaces = selection.namespaces.join("|");
    let Some((namespace, table)) = table.split_once('.') else {
        let name = TableName { namespace: namespaces, table: table.to_owned() };
        return Item { problem: Some(no_such(&name, &[])), name };
    };
    let problem = format!(
        "the run is about namespace `{namespaces}`, not `{namespace}`; add `{namespace}` to `namespaces`, or \
         check the name of the table"
    );
    let name = TableName { namespace: namespace.to_owned(), table: table.to_owned() };
    Item { name, problem: Some(problem) }
}

fn no_such(name: &TableName, known: &[String]) -> String {
    let TableName { namespace, table } = name;
    let help = match closest(table, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "check its name in the setting `tables` or in the input of the execution".to_owned()
        }
    };
    format!("namespace `{namespace}` has no table `{table}`; {help}")
}

/// A namespace that cannot be listed.
fn whole(namespace: &str, error: &HandlerError) -> Item {
    let name = TableName { namespace: namespace.to_owned(), table: "*".to_owned() };
    Item { name, problem: Some(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(namespaces: &[&str], tables: &[&str], skip_tables: &[&str]) -> Selection {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Selection {
            namespaces: owned(namespaces),
            tables: owned(tables),
            skip_tables: owned(skip_tables),
        }
    }

    fn names(items: &[Item]) -> Vec<String> {
        items
            .iter()
            .map(|item| format!("{}{}", item.name, if item.problem.is_some() { "!" } else { "" }))
            .collect()
    }

    #[test]
    fn all_known_tables_are_wanted_except_those_to_skip() {
        let known = ["users", "web_logs", "courses"].map(str::to_owned);
        let items = items(&selection(&["canvas"], &[], &["web_logs"]), "canvas", &known);
        assert_eq!(names(&items), ["canvas.users", "canvas.courses"]);
    }

    #[test]
    fn an_unknown_table_is_an_item_with_its_problem() {
        let known = ["users", "courses"].map(str::to_owned);
        let items = items(&selection(&["canvas"], &["usres", "courses"], &[]), "canvas", &known);
        assert_eq!(names(&items), ["canvas.courses", "canvas.usres!"]);
        assert!(items[1].problem.as_ref().unwrap().contains("did you mean `users`?"));
    }

    #[test]
    fn with_several_namespaces_a_bare_name_may_be_in_any_of_them() {
        let selection = selection(&["canvas", "catalog"], &["orders", "canvas.nope", "typo"], &[]);
        let mut found = items(&selection, "canvas", &["users".to_owned()]);
        found.extend(items(&selection, "catalog", &["orders".to_owned()]));
        found.extend(nowhere(&selection, &found));
        assert_eq!(names(&found), ["canvas.nope!", "catalog.orders", "canvas|catalog.typo!"]);
    }

    #[test]
    fn a_named_table_that_is_skipped_is_not_missing() {
        for namespaces in [&["canvas"][..], &["canvas", "catalog"]] {
            let selection = selection(namespaces, &["users", "courses"], &["users"]);
            let found = items(&selection, "canvas", &["users", "courses"].map(str::to_owned));
            assert_eq!(names(&found), ["canvas.courses"]);
            assert_eq!(names(&nowhere(&selection, &found)), [""; 0]);
        }
    }
}
