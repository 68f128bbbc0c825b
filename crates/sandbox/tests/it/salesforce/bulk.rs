//! Query jobs of the Bulk API 2.0.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use stepwell_sandbox::salesforce::{BulkHeader, Options};

use super::support::{Fixture, answer};

async fn state(fixture: &Fixture, id: &str) -> String {
    let job = fixture.get(&format!("jobs/query/{id}")).await.expect(StatusCode::OK);
    job["state"].as_str().unwrap().to_owned()
}

/// A job that has ended; its id.
async fn complete(fixture: &Fixture, soql: &str) -> String {
    let job = fixture.create_job(soql).await.expect(StatusCode::OK);
    assert_eq!((&job["state"], &job["apiVersion"]), (&json!("UploadComplete"), &json!(60.0)));
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(state(fixture, &id).await, "InProgress");
    assert_eq!(state(fixture, &id).await, "JobComplete");
    id
}

/// A page: locator, number of records, text.
async fn page(fixture: &Fixture, id: &str, query: &str) -> (String, usize, String) {
    let request = fixture.request(Method::GET, &format!("jobs/query/{id}/results?{query}"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    let (locator, number) = (header("Sforce-Locator"), header("Sforce-NumberOfRecords"));
    (locator, number.parse().unwrap(), response.text().await.unwrap())
}

#[tokio::test]
async fn results_come_in_pages_by_locator_and_the_last_one_says_null() {
    for bulk_header in [BulkHeader::EveryPage, BulkHeader::FirstPage] {
        let fixture = Fixture::start(Options { bulk_header, ..Options::default() }).await;
        let total = fixture.sandbox.records("Contact").len();
        let id = complete(&fixture, "SELECT Id, LastName FROM Contact ORDER BY Id").await;
        let (locator, number, first) = page(&fixture, &id, "maxRecords=150").await;
        assert_eq!(number, 150);
        assert!(first.starts_with("\"Id\",\"LastName\"\n\"003"), "{first}");
        let (end, rest, second) =
            page(&fixture, &id, &format!("maxRecords=150&locator={locator}")).await;
        assert_eq!((end.as_str(), rest), ("null", total - 150));
        assert_eq!(second.starts_with("\"Id\""), bulk_header == BulkHeader::EveryPage);
        let again = page(&fixture, &id, &format!("maxRecords=150&locator={locator}")).await;
        assert_eq!(again.2, second, "a page can be had again");
        let pages = fixture.get(&format!("jobs/query/{id}/resultPages?maxRecords=30")).await;
        assert_eq!(pages.expect(StatusCode::OK)["resultPages"].as_array().unwrap().len(), 5);
    }
}

#[tokio::test]
async fn values_hold_new_lines_nul_and_whole_numbers_with_a_point() {
    let fixture = Fixture::start(Options::default()).await;
    let id = complete(
        &fixture,
        "SELECT Id, Name, Description, NumberOfEmployees, Serial__c FROM Account",
    )
    .await;
    let (_, _, text) = page(&fixture, &id, "").await;
    for awkward in ["\0", "\n\n", "\"\"quotes\"\"", ",\"0.0\"", "9223372036854775807", "\"\""] {
        assert!(text.contains(awkward), "{awkward:?}");
    }
}

#[tokio::test]
async fn older_versions_sort_columns_and_versions_do_not_mix() {
    let fixture = Fixture::start(Options::default()).await;
    let job =
        json!({"operation": "query", "query": "SELECT SystemModstamp, Id, Name FROM Account"});
    let created = fixture.post("../v49.0/jobs/query", &job).await.expect(StatusCode::OK);
    let id = created["id"].as_str().unwrap();
    fixture.get(&format!("jobs/query/{id}")).await.expect(StatusCode::CONFLICT);
    for _ in 0..2 {
        fixture.get(&format!("../v49.0/jobs/query/{id}")).await.expect(StatusCode::OK);
    }
    let request = fixture.request(Method::GET, &format!("../v49.0/jobs/query/{id}/results"));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("\"Id\",\"Name\",\"SystemModstamp\"\n"), "{}", &text[..80]);
    fixture.post("../v46.0/jobs/query", &job).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_jobs_cannot_do_is_refused() {
    let fixture = Fixture::start(Options::default()).await;
    for (soql, told) in [
        ("SELECT Id FROM CaseStatus", "Entity 'CaseStatus' is not supported by the Bulk API."),
        ("SELECT COUNT() FROM Account", "Aggregate"),
        ("SELECT BillingAddress FROM Account", "compound"),
        ("SELECT Id FROM Account GROUP BY Id", "not supported"),
    ] {
        let refused = fixture.create_job(soql).await.expect(StatusCode::BAD_REQUEST);
        assert!(refused[0]["message"].as_str().unwrap().contains(told), "{refused}");
    }
}

#[tokio::test]
async fn a_job_fails_after_the_fact_and_can_be_aborted_and_deleted() {
    let fixture = Fixture::start(Options::default()).await;
    fixture.sandbox.set_query_timeout(Some(Duration::from_hours(1)));
    let job = fixture.create_job("SELECT Id FROM Account").await.expect(StatusCode::OK);
    let failed = job["id"].as_str().unwrap();
    state(&fixture, failed).await;
    let job = fixture.get(&format!("jobs/query/{failed}")).await.expect(StatusCode::OK);
    assert_eq!(job["state"], "Failed");
    assert!(job["errorMessage"].as_str().unwrap().starts_with("QUERY_TIMEOUT"), "{job}");
    fixture.get(&format!("jobs/query/{failed}/results")).await.expect(StatusCode::BAD_REQUEST);
    fixture.sandbox.set_query_timeout(None);
    let job = fixture.create_job("SELECT Id FROM Account").await.expect(StatusCode::OK);
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    let abort = fixture.request(Method::PATCH, &path).json(&json!({"state": "Aborted"}));
    assert_eq!(answer(abort).await.expect(StatusCode::OK)["state"], "Aborted");
    answer(fixture.request(Method::DELETE, &path)).await.expect(StatusCode::NO_CONTENT);
    fixture.get(&path).await.expect(StatusCode::NOT_FOUND);
}
