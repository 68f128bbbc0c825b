//! Datasets for tests.

use crate::config::TableSettings;
use crate::dataset::Dataset;

/// The dataset `orders` of files, with these keys besides.
pub(crate) fn dataset(keys: &str) -> Dataset {
    let text = format!(
        "source = 'files'\npath = 'in/*.csv'\nkey = ['id']\n{}{keys}",
        "columns = ['id bigint not null', 'amount decimal(18,2)', 'region string', 'modified timestamp', 'lines json']\n"
    );
    let settings: TableSettings = toml::from_str(&text).unwrap();
    settings.dataset("orders").unwrap()
}
