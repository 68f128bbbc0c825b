//! The page with plots.

use std::fs;

use serde_json::{Value, json};
use stepwell_stream_qc::report::{self, Options};

use crate::support::{Bench, example, input, points};

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

#[tokio::test]
async fn a_stream_whose_configuration_was_always_wrong_has_a_page_that_says_so() {
    let bench = Bench::new();
    bench.write("streams/buoys/7-temp.toml", "[process2.gross_rnge]\nfail = [0, 25]\n");
    let given = json!({"GroupID": "buoys", "StreamID": "7-temp", "Data": {"inline": example()}});
    assert_eq!(bench.refused(given).await.0, "Config");
    for group in [None, Some("buoys".to_owned())] {
        let written = write(&bench, Options { group, stream: None }).await.unwrap();
        assert_eq!(written.streams, 1);
        let index = fs::read_to_string(&written.index).unwrap();
        assert!(
            index.contains("CONFIG_ERROR") && index.contains("1 could not be checked"),
            "{index}"
        );
        let name = index.split("href=\"").nth(1).and_then(|it| it.split('"').next()).unwrap();
        let page = fs::read_to_string(written.index.with_file_name(name)).unwrap();
        assert!(page.contains("Last verdict: <span class=\"verdict CONFIG_ERROR\">"), "{page}");
        assert!(page.contains("did you mean `gross_range`?"), "{page}");
    }
}

/// What a run is given that passes, one that fails, and one that cannot be checked.
fn given(verdict: &str) -> Value {
    let config = json!({"process2": {"gross_range": {"fail": [0, 25], "suspect": [5, 13]}}});
    let good = points(&[Some(10.0), Some(10.1)]);
    let mut given = input(if verdict == "PASSED" { good } else { example() }, config);
    if verdict == "ERROR" {
        given["Data"] = json!({"uri": "gone.csv"});
    }
    given
}

/// The plot of pass rates after runs with these verdicts, each an hour after the one before.
async fn rates(verdicts: &[&str]) -> String {
    let bench = Bench::new();
    for (number, verdict) in (0..).zip(verdicts) {
        assert_eq!(bench.verdict_of(number, given(verdict)).await["Status"], **verdict);
    }
    let written = write(&bench, Options::default()).await.unwrap();
    let pages = fs::read_dir(written.index.parent().unwrap()).unwrap().map(|it| it.unwrap().path());
    let page = pages.into_iter().find(|it| *it != written.index).unwrap();
    let page = fs::read_to_string(page).unwrap();
    let plot = page.split("<h2>Pass rates over time</h2>").nth(1).unwrap();
    let plot = plot.split("</svg>").next().unwrap();
    assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
    plot.to_owned()
}

#[tokio::test]
async fn pass_rates_are_drawn_run_by_run_and_told_in_words() {
    let plot = rates(&["PASSED", "FAILED", "ERROR", "PASSED"]).await;
    let summary = "Pass rates over time: 2 of 4 runs passed from 2026-03-01T12:00:00.123000Z to \
                   2026-03-01T15:00:00.123000Z; points that are good: at least 70.0 %, 100.0 % in the last one";
    assert!(
        plot.contains(&format!(
            "role=\"img\" aria-labelledby=\"rates\"><title id=\"rates\">{summary}</title>"
        )),
        "{plot}"
    );
    let told: Vec<_> =
        plot.split("<title>").skip(1).map(|it| it.split("</title>").next().unwrap()).collect();
    let expected = [
        "2026-03-01T12:00:00.123000Z: PASSED, 100.0 % of the points are good; 1 of the last 1 runs passed",
        "2026-03-01T13:00:00.123000Z: FAILED, 70.0 % of the points are good; 1 of the last 2 runs passed",
        "2026-03-01T14:00:00.123000Z: ERROR; 1 of the last 3 runs passed",
        "2026-03-01T15:00:00.123000Z: PASSED, 100.0 % of the points are good; 2 of the last 4 runs passed",
    ];
    assert_eq!(told, expected);
    // The line through the shares of points, from the oldest left: 100 %, 70 %, and 100 % again.
    let line = plot.split("class=\"rate\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
    let heights: Vec<_> = line.split('L').map(|it| it.split(' ').nth(1).unwrap()).collect();
    assert_eq!(heights, ["12.0", "59.4", "12.0"]);
    let left: Vec<f64> =
        line.split('L').map(|it| it.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(
        left.is_sorted_by(|one, next| one < next) && left[0] > 60.0 && left[2] < 946.0,
        "{left:?}"
    );
}

#[tokio::test]
async fn pass_rates_of_one_run_of_none_that_was_checked_and_of_more_than_ten() {
    let one = rates(&["PASSED"]).await;
    assert!(one.contains("1 of 1 runs passed") && one.contains("03-01 12:00"), "{one}");
    let unchecked = rates(&["ERROR"]).await;
    assert!(
        unchecked.contains("0 of 1 runs passed") && unchecked.contains("good: none"),
        "{unchecked}"
    );
    assert_eq!(unchecked.matches("class=\"rate\"").count(), 1, "that of the legend");
    let mut verdicts = vec!["FAILED"];
    verdicts.extend(["PASSED"; 10]);
    let many = rates(&verdicts).await;
    assert!(
        many.contains("9 of the last 10 runs passed")
            && many.contains("10 of the last 10 runs passed"),
        "{many}"
    );
}
