//! The page with plots.

use std::fs;

use serde_json::json;
use stepwell_stream_qc::report::{self, Options};

use crate::support::{Bench, example, input};

async fn write(bench: &Bench, options: Options) -> Result<report::Written, String> {
    let out = bench.path().join("out");
    let written = report::write(&bench.settings(), &bench.surroundings(), &options, &out).await;
    written.map_err(|error| error.to_string())
}

#[tokio::test]
async fn pages_show_series_flags_and_verdicts_and_load_nothing() {
    let bench = Bench::new();
    let config = json!({"process2": {"gross_range": {"fail": [0, 25], "suspect": [5, 13]}}});
    let mut given = input(example(), config);
    given["StreamID"] = "<b>7</b>".into();
    for number in 0..3 {
        bench.verdict_of(number, given.clone()).await;
    }
    let written = write(&bench, Options::default()).await.unwrap();
    assert_eq!(written.streams, 1);
    let index = fs::read_to_string(&written.index).unwrap();
    let name = index.split("href=\"").nth(1).and_then(|it| it.split('"').next()).unwrap();
    let page = fs::read_to_string(written.index.with_file_name(name)).unwrap();
    for page in [&index, &page] {
        assert!(page.contains("default-src 'none'") && !page.contains("<script"), "{page}");
        assert!(
            !page.contains("http://") && !page.contains("https://") && !page.contains("style=\"")
        );
        assert!(!page.contains("<b>"), "texts are escaped");
        assert!(page.contains("FAILED"));
    }
    assert!(page.contains("class=\"fail\"") && page.contains("class=\"suspect\""));
    assert!(
        page.contains("2026-03-01T11:50:00.123Z 30 FAIL (gross_range)"),
        "a point tells what it is"
    );
    assert!(page.contains("class=\"missing\""));
    assert!(page.matches("<title").count() > 10);
}

#[tokio::test]
async fn a_stream_that_is_unknown_is_refused_by_name() {
    let bench = Bench::new();
    let error = write(&bench, Options::default()).await.unwrap_err();
    assert!(error.contains("stream-qc-all"), "{error}");
    let of = Options { group: Some("g".into()), stream: Some("s".into()) };
    let error = write(&bench, of).await.unwrap_err();
    assert!(error.contains("`s`") && error.contains("`g`"), "{error}");
}
