//! The file of the embedded catalog: readable by people, whole at any time, of one format.

use serde_json::{Value, json};
use stepwell_integrations::glue::{Catalog as _, Column, EmbeddedCatalog, Error, Format, Table};

fn table(name: &str) -> Table {
    let columns = vec![Column::new("id", "string")];
    Table::new(name, columns, Vec::new(), "lake/orders/", Format::Parquet)
}

#[tokio::test]
async fn the_file_has_glues_own_words_and_counts_its_changes() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = EmbeddedCatalog::open(folder.path());
    catalog.ensure_database("raw").await.unwrap();
    catalog.create_table("raw", &table("orders")).await.unwrap();
    let file = catalog.file("raw");
    assert_eq!(file, folder.path().join("raw.catalog.json"));
    let found: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!((&found["format"], &found["revision"]), (&json!(1), &json!(2)));
    let table = &found["tables"]["orders"]["table"];
    assert_eq!(table["TableType"], json!("EXTERNAL_TABLE"));
    let expected =
        json!({"Columns": [{"Name": "id", "Type": "string"}], "Location": "lake/orders/"});
    let storage = &table["StorageDescriptor"];
    assert_eq!(
        (&storage["Columns"], &storage["Location"]),
        (&expected["Columns"], &expected["Location"])
    );
}

#[tokio::test]
async fn a_file_of_another_format_or_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = EmbeddedCatalog::open(folder.path());
    for (text, problem) in [(r#"{"format": 2}"#, "format 2"), ("half a fi", "expected value")] {
        std::fs::write(catalog.file("raw"), text).unwrap();
        let error = catalog.create_table("raw", &table("orders")).await.unwrap_err();
        assert!(matches!(&error, Error::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(std::fs::read_to_string(catalog.file("raw")).unwrap(), text);
    }
}

#[tokio::test]
async fn changes_of_two_at_once_are_both_kept() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = EmbeddedCatalog::open(folder.path());
    catalog.ensure_database("raw").await.unwrap();
    let makers = (0..8).map(|number| {
        // As another process has it.
        let catalog = EmbeddedCatalog::open(folder.path());
        tokio::spawn(async move {
            catalog.create_table("raw", &table(&format!("table_{number}"))).await
        })
    });
    for maker in makers.collect::<Vec<_>>() {
        maker.await.unwrap().unwrap();
    }
    assert_eq!(catalog.list_tables("raw").await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "").unwrap();
    let error = EmbeddedCatalog::open(&path).ensure_database("raw").await.unwrap_err();
    assert!(matches!(&error, Error::File { .. }), "{error}");
}
