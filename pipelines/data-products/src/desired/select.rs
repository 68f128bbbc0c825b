//! Which of the products that SEP lists are kept in step.

use stepwell_pipeline::{Context, HandlerError};

use super::{Desired, Listed};
use crate::clients::Clients;
use crate::config::Selection;
use crate::sep::{self, Summary};

/// The products whose details are wanted. The others go into `desired` with the reason.
pub(super) async fn list(
    clients: &Clients,
    selection: &Selection,
    desired: &mut Desired,
    ctx: &Context,
) -> Result<Vec<Summary>, HandlerError> {
    let search = clients.terms.search.as_deref();
    let (listed, domains) =
        tokio::join!(clients.sep.products(search, ctx), domains(clients, selection, ctx));
    let domains = domains?;
    let mut wanted = Vec::new();
    for summary in listed? {
        match objection(&summary, search, selection, &domains) {
            None => wanted.push(summary),
            Some(reason) => pass_over(desired, summary.id, summary.name, reason),
        }
    }
    Ok(wanted)
}

/// Leaves out the products of other owners.
pub(super) fn by_owner(
    products: Vec<sep::Product>,
    selection: &Selection,
    desired: &mut Desired,
) -> Vec<sep::Product> {
    let (taken, left): (Vec<_>, Vec<_>) = products
        .into_iter()
        .partition(|product| selection.takes_owners(&super::product::owners(product)));
    for product in left {
        pass_over(desired, product.id, product.name, "it has none of the owners in `owners`");
    }
    taken
}

fn pass_over(desired: &mut Desired, id: String, name: String, reason: &str) {
    desired.passed_over.insert(id, Listed { name, reason: reason.to_owned() });
}

/// The server looks for the text in every attribute; it should be in the name.
fn objection(
    summary: &Summary,
    search: Option<&str>,
    selection: &Selection,
    domains: &[String],
) -> Option<&'static str> {
    let is_published = summary.status.as_deref().is_none_or(sep::is_published);
    let domain = summary.data_domain_id.as_deref().unwrap_or_default();
    if !search.is_none_or(|text| summary.name.contains(text)) {
        Some("its name does not hold `search_string`")
    } else if !selection.takes_name(&summary.name) {
        Some("its name is left out by `include` or `exclude`")
    } else if !selection.domains.is_empty() && !domains.iter().any(|it| it == domain) {
        Some("it is of none of the domains in `domains`")
    } else if !is_published {
        Some("it is a draft")
    } else {
        None
    }
}

/// The ids of the domains that are wanted by id or by name.
async fn domains(
    clients: &Clients,
    selection: &Selection,
    ctx: &Context,
) -> Result<Vec<String>, HandlerError> {
    if selection.domains.is_empty() {
        return Ok(Vec::new());
    }
    let known = clients.sep.domains(ctx).await?;
    let is_unknown =
        |wanted: &&String| !known.iter().any(|it| it.id == **wanted || it.name == **wanted);
    if let Some(unknown) = selection.domains.iter().find(is_unknown) {
        return Err(HandlerError::Config(format!(
            "SEP knows no domain `{unknown}`; check the setting `domains`"
        )));
    }
    let is_wanted = |domain: &sep::Domain| {
        selection.domains.contains(&domain.id) || selection.domains.contains(&domain.name)
    };
    Ok(known.into_iter().filter(is_wanted).map(|domain| domain.id).collect())
}
