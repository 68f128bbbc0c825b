//! The views of one product, made in Galaxy.
//!
//! Views that read other views come after them. Those of other products may be made at the same time by somebody else,
//! so that a view whose base is missing is tried again for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use stepwell_pipeline::{Context, HandlerError};

use crate::clients::Clients;
use crate::desired::{Product, View};
use crate::ledger::Part;
use crate::plan::order::layers;
use crate::sql::quote::qualified;
use crate::sql::statements;
use crate::trino;

/// Waits for views of other products.
const WAITS_MS: [u64; 5] = [250, 500, 1_000, 2_000, 4_000];

/// What a view meets whose base is not there yet.
const NOT_YET: [&str; 5] =
    ["TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "COLUMN_NOT_FOUND", "INVALID_VIEW", "VIEW_IS_STALE"];

/// What a view may meet for its description alone.
const NO_COMMENT: [&str; 3] = ["NOT_SUPPORTED", "SYNTAX_ERROR", "GENERIC_USER_ERROR"];

/// What came of the views.
#[derive(Default)]
pub(super) struct Written {
    pub(super) parts: BTreeMap<String, Part>,
    pub(super) warnings: Vec<String>,
    /// One failure hides no other.
    pub(super) failures: Vec<HandlerError>,
}

/// Makes these views of a product, or replaces them. With each comes the hash of the text that is there now.
pub(super) async fn write(
    clients: &Clients,
    product: &Product,
    wanted: &BTreeMap<String, Option<String>>,
    ctx: &Context,
) -> Written {
    let views = wanted.keys().map(|name| (name.as_str(), &product.views[name])).collect();
    let mut written = Written::default();
    for layer in layers(&product.schema, &views) {
        let making = layer.iter().map(|name| make(clients, product, name, views[name], ctx));
        for (name, outcome) in layer.iter().zip(join_all(making).await) {
            match outcome {
                Ok(warnings) => {
                    let part = Part {
                        sent: views[name].hash(),
                        read: None,
                        replaced: wanted[*name].clone(),
                    };
                    written.parts.insert((*name).to_owned(), part);
                    written.warnings.extend(warnings);
                }
                Err(error) => written.failures.push(error),
            }
        }
    }
    written
}

/// Drops views of ours.
pub(super) async fn drop_all<'v>(
    clients: &Clients,
    schema: &str,
    views: impl IntoIterator<Item = &'v String>,
    ctx: &Context,
) -> Result<(), HandlerError> {
    let dropping = views.into_iter().map(async |name| {
        let view = qualified(&[&clients.terms.catalog, schema, name]);
        clients
            .galaxy_sql
            .run(&statements::drop_view(&view), &format!("drop the view `{name}`"), ctx)
            .await
    });
    for dropped in join_all(dropping).await {
        dropped?;
    }
    Ok(())
}

/// Makes one view; gives warnings.
async fn make(
    clients: &Clients,
    product: &Product,
    name: &str,
    view: &View,
    ctx: &Context,
) -> Result<Vec<String>, HandlerError> {
    let mut waits = WAITS_MS.into_iter().map(Duration::from_millis);
    let mut warnings = loop {
        let error = match create(clients, product, name, view, ctx).await {
            Ok(warnings) => break warnings,
            Err(error) => error,
        };
        let may_come = !view.reads.is_empty() && error.is_named(&NOT_YET);
        match waits.next().filter(|_| may_come) {
            Some(wait) => {
                ctx.sleep(wait)
                    .await
                    .map_err(|error| HandlerError::retryable(error.to_string()))?;
            }
            // Another product may still come to it, in a later attempt.
            None if may_come => return Err(HandlerError::retryable(error.to_string())),
            None => return Err(error.into()),
        }
    };
    warnings.extend(comment(clients, product, name, view, ctx).await?);
    Ok(warnings)
}

async fn create(
    clients: &Clients,
    product: &Product,
    name: &str,
    view: &View,
    ctx: &Context,
) -> Result<Vec<String>, trino::Error> {
    let target = qualified(&[&clients.terms.catalog, &product.schema, name]);
    let what = format!("make the view `{name}`");
    let comment = Some(view.comment.as_str()).filter(|text| !text.is_empty());
    let create = |comment| statements::create_view(&target, comment, view.invoker, &view.query);
    match clients.galaxy_sql.run(&create(comment), &what, ctx).await {
        Ok(_) => Ok(Vec::new()),
        Err(error) if comment.is_some() && error.is_named(&NO_COMMENT) => {
            clients.galaxy_sql.run(&create(None), &what, ctx).await?;
            Ok(vec![format!("the catalog takes no description of the view `{name}`")])
        }
        Err(error) => Err(error),
    }
}

/// A view that is replaced loses the descriptions of its columns.
async fn comment(
    clients: &Clients,
    product: &Product,
    name: &str,
    view: &View,
    ctx: &Context,
) -> Result<Option<String>, HandlerError> {
    let target = qualified(&[&clients.terms.catalog, &product.schema, name]);
    let what = format!("describe the columns of the view `{name}`");
    let describing = view.columns.iter().map(async |(column, text)| {
        let sql = statements::comment_on_column(&target, column, text);
        clients.galaxy_sql.run(&sql, &what, ctx).await
    });
    let mut warning = None;
    for described in join_all(describing).await {
        match described {
            Ok(_) => {}
            Err(error) if error.is_refused() => warning = Some(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(warning)
}
