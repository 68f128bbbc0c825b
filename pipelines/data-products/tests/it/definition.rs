//! What travels between the states.

use serde_json::json;
use stepwell_sandbox::starburst::Options;

use crate::support::Bench;

/// AWS allows 256 KiB. What grows with the number of products are the lists of changes and results.
#[tokio::test]
async fn states_carry_little_for_each_product() {
    let products = 40;
    let bench = Bench::start(Options { products, awkward: false, ..Options::default() }).await;
    let ended = bench.execute(json!({})).await;
    let summarised = ended.payloads("summarise")[0].to_string().len();
    assert!(summarised / products < 800, "{} bytes for each new product", summarised / products);
    let ended = bench.execute(json!({})).await;
    let summarised = ended.payloads("summarise")[0].to_string().len();
    assert!(summarised < 2_000, "{summarised} bytes where nothing is to be told");
}

#[tokio::test]
async fn a_run_that_breaks_off_is_summarised_and_told() {
    let bench =
        Bench::with(Options::default(), &json!({"data_product_catalog": "no_such_catalog"})).await;
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "Config");
    assert!(ended.summary()["message"].as_str().unwrap().contains("no_such_catalog"));
    assert_eq!(ended.payloads("notify").len(), 1);
    assert_eq!(bench.sandbox.writes().total(), 0);
}
