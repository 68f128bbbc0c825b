//! The world at the beginning: products that follow from the seed, the users and catalogs that they need, and what others own.

use serde_json::json;

use super::galaxy::account::{Account, Link, NewProduct};
use super::galaxy::add_foreign;
use super::metastore::Metastore;
use super::options::Options;
use super::sep::model::{DRAFT, MaterializedView, Product, Storage, View};
use super::sep::publish::{LAKE, publish};
use super::sep::source::{Domain, Source};
use super::sep::{CATALOG, EARLIER, domain_id};
use super::service::World;
use crate::clock::Clock;
use crate::draw::{Draw, mix};

const DOMAINS: &[&str] = &["sales", "finance", "logistics", "people"];
const THINGS: &[&str] =
    &["orders", "invoices", "shipments", "contracts", "visits", "returns", "claims"];
const COLUMNS: &[(&str, &str)] = &[
    ("id", "bigint"),
    ("name", "varchar(80)"),
    ("amount", "decimal(12,2)"),
    ("created_at", "timestamp(3) with time zone"),
    ("is_open", "boolean"),
    ("tags", "array(varchar)"),
    ("day", "date"),
];

/// Users that the account has; owners of products are among them.
pub(crate) const USERS: usize = 30;

pub(crate) fn world(options: &Options, clock: &Clock) -> World {
    let mut world = World {
        source: Source::new(domains()),
        sep_metastore: Metastore::default(),
        account: Account::new(options.seed),
        galaxy_metastore: Metastore::default(),
        reads_hidden_storage: options.reads_hidden_storage,
    };
    for catalog in [CATALOG, LAKE] {
        world.sep_metastore.add_catalog(catalog);
    }
    for catalog in ["other", options.target_catalog.as_str(), LAKE] {
        world.galaxy_metastore.add_catalog(catalog);
        world.account.ensure_catalog(catalog);
    }
    for number in 0..USERS {
        // The account has some addresses in other letters than the source.
        let email = if number % 5 == 3 { email(number).to_uppercase() } else { email(number) };
        world.account.ensure_user(&email);
    }
    let ordinary = (0..options.products).map(|number| ordinary(options.seed, number));
    let awkward = if options.awkward { awkward() } else { Vec::new() };
    for product in ordinary.chain(awkward) {
        add(&mut world, product, &clock.now_millis_text());
    }
    add_what_others_own(&mut world, &options.target_catalog);
    world.account.follow(&world.galaxy_metastore, 0);
    world
}

/// Adds a product to SEP, or puts it in the place of one with its id; what is published is published in its Trino.
pub(crate) fn add(world: &mut World, mut product: Product, now: &str) {
    for time in [&mut product.created_at, &mut product.updated_at] {
        if time.is_empty() {
            now.clone_into(time);
        }
    }
    if product.is_published() {
        product.published_at.get_or_insert_with(|| now.to_owned());
        publish(world, &product);
    }
    match world.source.product_mut(&product.id) {
        Some(old) => *old = product,
        None => world.source.products.push(product),
    }
}

fn domains() -> Vec<Domain> {
    let domain = |name: &&str| Domain {
        id: domain_id(name),
        name: (*name).to_owned(),
        description: Some(format!("Everything about {name}")),
        schema_location: None,
    };
    DOMAINS.iter().map(domain).collect()
}

/// The address of an owner; those of [`USERS`] are known to the account.
pub(crate) fn email(number: usize) -> String {
    format!("owner{number}@example.org")
}

/// A well-behaved product.
pub(crate) fn ordinary(seed: u64, number: usize) -> Product {
    let mut draw = Draw::new(mix(seed, number as u64));
    let (domain, thing) = (draw.pick(DOMAINS), draw.pick(THINGS));
    let name = format!("{domain}_{thing}_{number}");
    let mut product = Product::new(&name, &name)
        .owner(&email(draw.below(USERS as u64) as usize))
        .owner(&email(draw.below(USERS as u64) as usize))
        .link("Wiki", &format!("https://wiki.example.org/{name}"));
    product.data_domain_id = domain_id(domain);
    EARLIER.clone_into(&mut product.created_at);
    EARLIER.clone_into(&mut product.updated_at);
    for at in 0..=draw.below(3) {
        product.views.push(ordinary_view(&mut draw, &name, at));
    }
    if draw.one_in(3) {
        let columns = &COLUMNS[..3];
        let query = select(columns, &format!("{LAKE}.raw.{name}_m"));
        let view = MaterializedView::new("daily_mv", &query, columns, Storage::Table);
        product.materialized_views.push(view);
    }
    product
}

fn ordinary_view(draw: &mut Draw, product: &str, at: u64) -> View {
    let columns = &COLUMNS[..2 + draw.below(COLUMNS.len() as u64 - 1) as usize];
    let query = select(columns, &format!("{LAKE}.raw.{product}_{at}"));
    let mut view = View::new(&format!("view_{at}"), &query, columns)
        .described(&format!("View {at} of {product}"));
    for column in view.columns.iter_mut().step_by(2) {
        column.description = Some(format!("The {}", column.name.replace('_', " ")));
    }
    view
}

fn select(columns: &[(&str, &str)], table: &str) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    format!("SELECT {} FROM {table}", names.join(", "))
}

/// One product per kind of trouble.
fn awkward() -> Vec<Product> {
    vec![
        draft(),
        half_published(),
        hard_to_quote(),
        in_many_scripts(),
        tersely_described(),
        dependent(),
        base(),
        materialized(),
        badly_owned(),
    ]
}

const ID: &[(&str, &str)] = &[("id", "bigint")];

fn raw_view(name: &str, table: &str) -> View {
    View::new(name, &select(ID, &format!("{LAKE}.raw.{table}")), ID)
}

/// Not published at all.
fn draft() -> Product {
    Product::new("still_a_draft", "still_a_draft").view(raw_view("drafted", "drafted")).draft()
}

/// Published, with changes in the draft: one view goes, one is new.
fn half_published() -> Product {
    let going = View { marked_for_deletion: true, ..raw_view("going", "half") };
    let coming =
        View { published_at: None, status: DRAFT.to_owned(), ..raw_view("coming", "half_new") };
    Product::new("half_published", "half_published")
        .owner(&email(1))
        .view(raw_view("staying", "half"))
        .view(going)
        .view(coming)
}

/// Names that have to be quoted, and a query that ends in a comment.
fn hard_to_quote() -> Product {
    let query = format!(
        "SELECT \"order\" AS \"group by\", \"a \"\"b\"\"\" FROM {LAKE}.\"raw-2\".\"my table\" -- the end"
    );
    let columns: &[(&str, &str)] = &[("group by", "varchar"), ("a \"b\"", "bigint")];
    let mut product = Product::new("hard_to_quote", "select")
        .owner(&email(2))
        .link("It's a \"link\"", "https://wiki.example.org/a?b=c&d='e'")
        .view(View::new("order", &query, columns).described("It's 'quoted'; -- really"))
        .view(raw_view("with-dash.and dot", "dash"))
        .view(raw_view("dollar$", "dollar"));
    product.views[0].view_security_mode = Some("INVOKER".to_owned());
    "It's; DROP SCHEMA \"x\" CASCADE --".clone_into(&mut product.summary);
    product
}

fn in_many_scripts() -> Product {
    let mut product = Product::new("unicode_product", "unicode_product")
        .owner(&email(3))
        .link("Läs mér 日本語", "https://wiki.example.org/日本語")
        .view(raw_view("größe_日本", "unicode").described("Größe – 大きさ 🙂 \u{202e}"));
    "Größe, 大きさ, размер 🙂".clone_into(&mut product.summary);
    product.description = Some("Zeile 1\nZeile 2\tTab ∅".to_owned());
    product
}

/// Null where others have texts, and members that nobody knows.
fn tersely_described() -> Product {
    let mut product = Product::new("tersely_described", "tersely_described")
        .owner(&email(4))
        .view(View { view_security_mode: None, ..raw_view("plain", "plain") });
    product.description = None;
    product.updated_by = None;
    product.published_by = None;
    product.matches_trino_definition = None;
    product.business_context = Some("Decides on bonuses".to_owned());
    product.extra.insert("dataQuality".to_owned(), json!({"score": 0.5, "checks": [1, null]}));
    product
}

/// A view over a view of a product that comes later, and over a view of its own that comes later.
fn dependent() -> Product {
    let over = |name: &str, of: &str| View::new(name, &select(ID, of), ID);
    Product::new("dependent_views", "dependent_views")
        .owner(&email(5))
        .view(over("a_top", &format!("{CATALOG}.dependent_views.z_middle")))
        .view(over("m_other", &format!("{CATALOG}.view_base.base_view")))
        .view(over("z_middle", &format!("{CATALOG}.dependent_views.m_other")))
}

fn base() -> Product {
    Product::new("view_base", "view_base").owner(&email(6)).view(raw_view("base_view", "base"))
}

/// Materialized views with storage of every kind, one without a refresh interval.
fn materialized() -> Product {
    let view = |name: &str, storage| {
        let query = select(ID, &format!("{LAKE}.raw.mv_base"));
        MaterializedView::new(name, &query, ID, storage)
    };
    let bare = MaterializedView {
        definition_properties: None,
        status: None,
        description: None,
        ..view("bare_mv", Storage::Table)
    };
    Product::new("materialized", "materialized")
        .owner(&email(7))
        .materialized_view(view("hive_mv", Storage::Table))
        .materialized_view(view("iceberg-mv", Storage::Hidden))
        .materialized_view(view("never_refreshed", Storage::Missing))
        .materialized_view(bare)
}

/// Owners that the account does not know, twice the same, in other letters, and none of a role.
fn badly_owned() -> Product {
    let mut product = Product::new("badly_owned", "badly_owned")
        .owner("gone@example.org")
        .owner(&email(8).to_uppercase())
        .owner(&email(8))
        .view(raw_view("owned", "owned"));
    product.product_owners = Some(Product::new("", "").owner(&email(9)).owners);
    product
}

/// Products, schemas and tags of Galaxy that are none of the sync's business.
fn add_what_others_own(world: &mut World, target: &str) {
    let foreign = |name: &str, catalog: &str, schema: &str| NewProduct {
        name: name.to_owned(),
        summary: "Made by hand".to_owned(),
        description: "Not from SEP".to_owned(),
        catalog: catalog.to_owned(),
        schema: schema.to_owned(),
        contacts: vec!["someone.else@example.org".to_owned()],
        links: vec![Link {
            name: "Wiki".to_owned(),
            uri: "https://elsewhere.example.org/".to_owned(),
        }],
    };
    add_foreign(world, foreign("handmade", target, "handmade"), EARLIER);
    // The schema of a product of SEP, in another catalog.
    add_foreign(world, foreign("same_schema_elsewhere", "other", "sales_orders_0"), EARLIER);
    let tag = world.account.add_tag("handmade", "#00AA00", None).expect("the first tag is free");
    world.account.follow(&world.galaxy_metastore, 0);
    let key = (target.to_owned(), "handmade".to_owned());
    world.account.schemas.entry(key).or_default().tags.insert(tag.tag_id);
}
