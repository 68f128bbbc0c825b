//! Data products of Starburst Enterprise into Starburst Galaxy: all of them, then what changed and what is gone.

use std::collections::BTreeSet;

use stepwell_sandbox::starburst::{Advance, Expected, Options, Product, Sandbox};

use super::changes::{Changes, Compared};
use super::stage::{Ended, Stage};
use crate::config::Section;
use crate::failure::Outcome;
use crate::output;
use crate::project::Project;

const PRODUCTS: usize = 50;
const CHANGED: usize = 5;
const DELETED: usize = 3;

pub(super) async fn perform(project: &Project) -> Outcome<Vec<Ended<Changes>>> {
    let options = Options { products: PRODUCTS, awkward: false, ..Options::default() };
    let sandbox = Sandbox::start(options).await?;
    let foreign = sandbox.galaxy_products();
    output::note(format_args!(
        "data-products: started Starburst Enterprise and Galaxy on this machine, with {PRODUCTS} data products in the \
         one and {} in the other that somebody else made",
        foreign.len()
    ));
    let stage = Stage::open(project, "data-products", Section::of(settings(&sandbox))).await?;
    let mut legs = Vec::new();
    for title in ["first run", "run after 5 changes and 3 deletions"] {
        let ended = stage.run("data-products", title).await?;
        let compared = compare(&sandbox, &foreign);
        legs.push(ended.map(|summary| Changes::of(&summary, "status", "name", compared)));
        sandbox.advance(&Advance {
            seed: 7,
            changed: CHANGED,
            deleted: DELETED,
            ..Advance::default()
        });
    }
    stage.close().await?;
    Ok(legs)
}

/// The settings that a user would write, with the credentials of the sandbox.
fn settings(sandbox: &Sandbox) -> stepwell_data_products::Settings {
    let options = sandbox.options();
    let written = |text: &str| Some(text.to_owned().into());
    stepwell_data_products::Settings {
        sep_host: written(sandbox.sep_url()),
        sep_username: written(&options.sep_user),
        sep_password: written(&options.sep_password),
        galaxy_host: written(sandbox.galaxy_url()),
        galaxy_client_id: written(&options.client_id),
        galaxy_client_secret: written(&options.client_secret),
        galaxy_sql_username: written(&options.sql_user),
        galaxy_sql_password: written(&options.sql_password),
        galaxy_sql_cluster_url: written(sandbox.trino_url()),
        data_product_catalog: written(&options.target_catalog),
        default_cluster: written(sandbox.cluster_name()),
        ..Default::default()
    }
}

/// Looks into Galaxy itself: every published product, as it is in SEP, beside the foreign ones, as they were.
fn compare(sandbox: &Sandbox, foreign: &[Product]) -> Compared {
    let expected = sandbox.expected();
    let missing = expected.iter().filter_map(|it| difference(sandbox, it));
    let touched = foreign
        .iter()
        .filter(|it| sandbox.galaxy_product(&it.name).as_ref() != Some(it))
        .map(|it| format!("the foreign product `{}` was touched", it.name));
    let foreign_names = foreign.iter().map(|it| &*it.name);
    let names: BTreeSet<&str> = expected.iter().map(|it| &*it.name).chain(foreign_names).collect();
    let all = sandbox.galaxy_products();
    let left = all
        .iter()
        .filter(|it| !names.contains(&*it.name))
        .map(|it| format!("`{}` is in Galaxy still", it.name));
    let differences = missing.chain(touched).chain(left).collect();
    Compared { things: expected.len() + foreign.len(), differences }
}

fn difference(sandbox: &Sandbox, expected: &Expected) -> Option<String> {
    let name = &expected.name;
    let Some(found) = sandbox.galaxy_product(name) else {
        return Some(format!("`{name}` is not in Galaxy"));
    };
    let catalog = &sandbox.options().target_catalog;
    let views = sandbox.galaxy_schema(catalog, &expected.schema).map(|schema| schema.relations);
    let contacts: BTreeSet<_> = found.contacts.iter().map(|it| it.email.to_lowercase()).collect();
    let is_equal = [
        ("summary", found.summary == expected.summary),
        ("description", found.description == expected.description),
        ("schema", found.schema_name == expected.schema),
        ("contacts", contacts == expected.contacts),
        ("views", views.is_some_and(|views| views.keys().eq(expected.views.keys()))),
    ];
    let (what, _) = is_equal.iter().find(|(_, is_equal)| !is_equal)?;
    Some(format!("the {what} of `{name}` differs"))
}
