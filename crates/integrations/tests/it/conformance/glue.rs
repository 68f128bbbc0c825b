//! What all catalogs do.

use stepwell_integrations::glue::{
    AwsCatalog, Catalog, Column, EmbeddedCatalog, Error, Format, Partition, Storage, Table,
};
use tempfile::TempDir;

use super::implementations;
use crate::support::{connection, unique};

struct Fixture {
    catalog: Box<dyn Catalog>,
    /// There.
    database: String,
    _folder: Option<TempDir>,
}

implementations!(
    a_database_is_made_once,
    what_is_missing_is_named,
    a_table_is_read_back_and_replaced,
    a_table_is_made_once,
    a_name_with_capital_letters_is_refused,
    partitions_are_made_once_and_sorted,
    more_than_a_batch_of_partitions,
    a_partition_of_other_values_is_refused,
    a_partition_moves_to_another_location,
    partitions_are_taken_out,
    partitions_stay_when_their_table_changes,
);

async fn with_database(catalog: Box<dyn Catalog>, folder: Option<TempDir>) -> Fixture {
    let database = unique("raw").replace('-', "_");
    catalog.ensure_database(&database).await.unwrap();
    Fixture { catalog, database, _folder: folder }
}

async fn embedded() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let catalog = EmbeddedCatalog::open(folder.path().join("catalog"));
    with_database(Box::new(catalog), Some(folder)).await
}

async fn moto() -> Option<Fixture> {
    let catalog = AwsCatalog::new(&connection(&crate::support::moto()?).await);
    Some(with_database(Box::new(catalog), None).await)
}

fn columns() -> Vec<Column> {
    vec![Column::new("id", "string"), Column::new("amount", "decimal(18,2)")]
}

fn table() -> Table {
    let keys = vec![Column::new("dt", "date"), Column::new("region", "string")];
    Table::new("orders", columns(), keys, "s3://raw/orders/", Format::Parquet)
}

fn partition(day: &str, region: &str, location: &str) -> Partition {
    Partition {
        values: vec![day.to_owned(), region.to_owned()],
        storage: Storage::new(columns(), location, Format::Parquet),
        parameters: [("rows".to_owned(), "17".to_owned())].into(),
    }
}

impl Fixture {
    async fn with_table(&self) -> &Self {
        self.catalog.create_table(&self.database, &table()).await.unwrap();
        self
    }

    async fn create(&self, partitions: &[Partition]) -> Vec<Vec<String>> {
        let created = self.catalog.create_partitions(&self.database, "orders", partitions).await;
        created.unwrap()
    }

    async fn partitions(&self) -> Vec<Partition> {
        self.catalog.partitions(&self.database, "orders").await.unwrap()
    }
}

async fn a_database_is_made_once(fixture: &Fixture) {
    fixture.with_table().await;
    fixture.catalog.ensure_database(&fixture.database).await.unwrap();
    assert_eq!(fixture.catalog.list_tables(&fixture.database).await.unwrap(), ["orders"]);
}

async fn what_is_missing_is_named(fixture: &Fixture) {
    let entity = |error: Error| match error {
        Error::NotFound { entity } => entity,
        other => panic!("{other}"),
    };
    let (catalog, database) = (&fixture.catalog, &fixture.database);
    assert_eq!(catalog.get_table(database, "orders").await.unwrap(), None);
    let nobody = "database `nobody`";
    assert_eq!(entity(catalog.get_table("nobody", "orders").await.unwrap_err()), nobody);
    assert_eq!(entity(catalog.list_tables("nobody").await.unwrap_err()), nobody);
    assert_eq!(entity(catalog.create_table("nobody", &table()).await.unwrap_err()), nobody);
    let orders = "table `orders`";
    assert_eq!(entity(catalog.update_table(database, &table()).await.unwrap_err()), orders);
    assert_eq!(entity(catalog.partitions(database, "orders").await.unwrap_err()), orders);
    let new = [partition("2026-03-01", "eu", "s3://raw/a/")];
    let created = catalog.create_partitions(database, "orders", &new).await;
    assert_eq!(entity(created.unwrap_err()), orders);
    fixture.with_table().await;
    let updated = catalog.update_partition(database, "orders", &new[0]).await;
    let missing = "partition `2026-03-01/eu` of table `orders`";
    assert_eq!(entity(updated.unwrap_err()), missing);
}

async fn a_table_is_read_back_and_replaced(fixture: &Fixture) {
    fixture.with_table().await;
    let get = async || fixture.catalog.get_table(&fixture.database, "orders").await.unwrap();
    assert_eq!(get().await, Some(table()));
    let mut wider = table();
    wider.storage.columns.push(Column::new("note", "string"));
    wider.description = Some("all orders".to_owned());
    wider.parameters.insert("snapshot".to_owned(), "run-17".to_owned());
    for _ in 0..2 {
        fixture.catalog.update_table(&fixture.database, &wider).await.unwrap();
        assert_eq!(get().await, Some(wider.clone()));
    }
}

async fn a_table_is_made_once(fixture: &Fixture) {
    fixture.with_table().await;
    let error = fixture.catalog.create_table(&fixture.database, &table()).await.unwrap_err();
    assert!(matches!(&error, Error::AlreadyExists { table } if table == "orders"), "{error}");
}

async fn a_name_with_capital_letters_is_refused(fixture: &Fixture) {
    let error = fixture.catalog.ensure_database("Raw").await.unwrap_err();
    assert!(matches!(&error, Error::Invalid { .. }), "{error}");
    let bad = Table { name: "Orders".to_owned(), ..table() };
    let error = fixture.catalog.create_table(&fixture.database, &bad).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid { .. }), "{error}");
}

async fn partitions_are_made_once_and_sorted(fixture: &Fixture) {
    fixture.with_table().await;
    let second = partition("2026-03-02", "eu", "s3://raw/second/");
    let first = partition("2026-03-01", "us", "s3://raw/first/");
    assert_eq!(fixture.create(std::slice::from_ref(&second)).await, [[""; 0]; 0]);
    let other = partition("2026-03-02", "eu", "s3://raw/other/");
    let existing = fixture.create(&[other.clone(), first.clone()]).await;
    assert_eq!(existing, [other.values]);
    assert_eq!(fixture.partitions().await, [first, second]);
}

async fn more_than_a_batch_of_partitions(fixture: &Fixture) {
    fixture.with_table().await;
    let partition = |number: usize| partition(&format!("{number:04}"), "eu", "s3://raw/x/");
    let all: Vec<_> = (0..230).map(partition).collect();
    fixture.create(&all).await;
    assert_eq!(fixture.partitions().await.len(), 230);
    let values: Vec<_> = all.iter().take(60).map(|it| it.values.clone()).collect();
    fixture.catalog.delete_partitions(&fixture.database, "orders", &values).await.unwrap();
    assert_eq!(fixture.partitions().await.len(), 170);
}

async fn a_partition_of_other_values_is_refused(fixture: &Fixture) {
    fixture.with_table().await;
    for values in [vec!["2026-03-01".to_owned()], vec!["2026-03-01".to_owned(), String::new()]] {
        let bad = Partition { values, ..partition("", "", "s3://raw/x/") };
        let created = fixture.catalog.create_partitions(&fixture.database, "orders", &[bad]).await;
        let error = created.unwrap_err();
        assert!(matches!(&error, Error::Invalid { .. }), "{error}");
    }
    assert_eq!(fixture.partitions().await, []);
}

async fn a_partition_moves_to_another_location(fixture: &Fixture) {
    fixture.with_table().await;
    let stays = partition("2026-03-02", "eu", "s3://raw/stays/");
    fixture.create(&[partition("2026-03-01", "eu", "s3://raw/run=1/"), stays.clone()]).await;
    let moved = partition("2026-03-01", "eu", "s3://raw/run=2/");
    for _ in 0..2 {
        let updated = fixture.catalog.update_partition(&fixture.database, "orders", &moved).await;
        updated.unwrap();
        assert_eq!(fixture.partitions().await, [moved.clone(), stays.clone()]);
    }
}

async fn partitions_are_taken_out(fixture: &Fixture) {
    fixture.with_table().await;
    let stays = partition("2026-03-02", "eu", "s3://raw/stays/");
    let goes = partition("2026-03-01", "eu", "s3://raw/goes/");
    fixture.create(&[goes.clone(), stays.clone()]).await;
    for _ in 0..2 {
        let values = std::slice::from_ref(&goes.values);
        fixture.catalog.delete_partitions(&fixture.database, "orders", values).await.unwrap();
        assert_eq!(fixture.partitions().await, std::slice::from_ref(&stays));
    }
}

async fn partitions_stay_when_their_table_changes(fixture: &Fixture) {
    fixture.with_table().await;
    let partition = partition("2026-03-01", "eu", "s3://raw/a/");
    fixture.create(std::slice::from_ref(&partition)).await;
    let mut wider = table();
    wider.storage.columns.push(Column::new("note", "string"));
    fixture.catalog.update_table(&fixture.database, &wider).await.unwrap();
    assert_eq!(fixture.partitions().await, [partition]);
}
