//! Faults, one by one, as a client sees them, and what is counted meanwhile.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::json;
use stepwell_sandbox::starburst::{Endpoint, FaultRule, HttpFault, Options, Writes};

use super::support::{Fixture, answer, options};

async fn struck(on: Endpoint, fault: HttpFault) -> Fixture {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_fault(FaultRule::new(on, fault).once());
    fixture
}

#[tokio::test]
async fn a_status_comes_with_the_body_of_its_service() {
    let fixture = struck(Endpoint::GalaxyListTags, HttpFault::too_many_requests(Some(2))).await;
    let refused = fixture.get_galaxy("/tag").await;
    assert_eq!(refused.headers[header::RETRY_AFTER], "2");
    assert_eq!(refused.expect(StatusCode::TOO_MANY_REQUESTS)["status"], "RESOURCE_EXHAUSTED");
    fixture.get_galaxy("/tag").await.expect(StatusCode::OK);

    let fixture = struck(Endpoint::GalaxyListTags, HttpFault::too_many_requests(None)).await;
    assert!(!fixture.get_galaxy("/tag").await.headers.contains_key(header::RETRY_AFTER));

    let fixture = struck(Endpoint::SepListProducts, HttpFault::status(500)).await;
    let refused = fixture.get_sep("/products").await.expect(StatusCode::INTERNAL_SERVER_ERROR);
    assert!(refused["message"].is_string());

    let fixture = struck(Endpoint::Statement, HttpFault::status(503)).await;
    let refused = answer(fixture.statement("SELECT 1")).await;
    assert!(refused.status == StatusCode::SERVICE_UNAVAILABLE && refused.body.is_string());

    let body = json!({"status": "ALREADY_EXISTS"});
    let fault = HttpFault::Status { status: 409, retry_after: None, body: Some(body.clone()) };
    let fixture = struck(Endpoint::GalaxyListTags, fault).await;
    assert_eq!(fixture.get_galaxy("/tag").await.expect(StatusCode::CONFLICT), body);
}

#[tokio::test]
async fn a_page_in_html_is_no_answer_of_the_service() {
    let fixture = struck(Endpoint::GalaxyListUsers, HttpFault::Page { status: 200 }).await;
    let page = fixture.get_galaxy("/user").await;
    assert!(page.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn a_connection_closes_before_or_after_the_work() {
    for (fault, is_made) in [(HttpFault::Close, false), (HttpFault::LoseAnswer, true)] {
        let fixture = struck(Endpoint::GalaxyCreateTag, fault).await;
        let request = fixture.galaxy(Method::POST, "/tag");
        let request = request.json(&json!({"name": "new", "color": "#000000"}));
        assert!(request.send().await.is_err());
        assert_eq!(fixture.sandbox.galaxy_tags().iter().any(|tag| tag.name == "new"), is_made);
        assert_eq!(fixture.sandbox.log().last().unwrap().status, None);
        assert_eq!(fixture.sandbox.writes(), Writes { galaxy: 1, ..Writes::default() });
    }
}

#[tokio::test]
async fn a_server_error_may_come_after_the_work() {
    let fixture = struck(Endpoint::GalaxyCreateTag, HttpFault::FailAfter { status: 500 }).await;
    let tag = json!({"name": "new", "color": "#000000"});
    let failed = fixture.send_galaxy(Method::POST, "/tag", &tag).await;
    failed.expect(StatusCode::INTERNAL_SERVER_ERROR);
    fixture.send_galaxy(Method::POST, "/tag", &tag).await.expect(StatusCode::CONFLICT);
}

#[tokio::test]
async fn bodies_break_off_end_early_are_empty_or_another() {
    let fixture = struck(Endpoint::SepListProducts, HttpFault::BreakBody).await;
    let response = fixture.sep(Method::GET, "/products").send().await.unwrap();
    assert!(response.bytes().await.is_err());

    for fault in [HttpFault::TruncateBody, HttpFault::EmptyBody] {
        let fixture = struck(Endpoint::SepListProducts, fault).await;
        let response = fixture.sep(Method::GET, "/products").send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());
    }
    let fault = HttpFault::ReplaceBody { body: json!({"not": "a list"}) };
    let fixture = struck(Endpoint::SepListProducts, fault).await;
    assert_eq!(fixture.get_sep("/products").await.expect(StatusCode::OK), json!({"not": "a list"}));
}

#[tokio::test]
async fn an_answer_may_never_come() {
    let fixture = struck(Endpoint::NextPage, HttpFault::Hang).await;
    let page = answer(fixture.statement("SELECT 1")).await.body;
    let next = page["nextUri"].as_str().unwrap();
    let request = fixture.trino(Method::GET, next).timeout(Duration::from_millis(100));
    assert!(request.send().await.unwrap_err().is_timeout());
    answer(fixture.trino(Method::GET, next)).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_fault_is_about_a_part_of_the_request() {
    let fixture = Fixture::small().await;
    let rule = FaultRule::new(Endpoint::Statement, HttpFault::status(502)).about("CREATE SCHEMA");
    fixture.sandbox.add_fault(rule);
    let rule =
        FaultRule::new(Endpoint::GalaxyGetTag, HttpFault::status(500)).about("/tag/name=handmade");
    fixture.sandbox.add_fault(rule);
    answer(fixture.statement("SELECT 1")).await.expect(StatusCode::OK);
    answer(fixture.statement("CREATE SCHEMA hive_dp.x")).await.expect(StatusCode::BAD_GATEWAY);
    fixture.get_galaxy("/tag/name=other").await.expect(StatusCode::NOT_FOUND);
    fixture.get_galaxy("/tag/name=handmade").await.expect(StatusCode::INTERNAL_SERVER_ERROR);
    fixture.sandbox.clear_faults();
    fixture.get_galaxy("/tag/name=handmade").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn every_request_takes_as_long_as_it_is_told() {
    let fixture = Fixture::start(Options { latency: Duration::from_millis(40), ..options() }).await;
    let request = fixture.galaxy(Method::GET, "/tag").timeout(Duration::from_millis(20));
    assert!(request.send().await.unwrap_err().is_timeout());
    fixture.sandbox.set_latency(Duration::ZERO);
    fixture.get_galaxy("/tag").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn requests_and_writes_are_counted_by_what_they_are() {
    let fixture = Fixture::small().await;
    fixture.sandbox.forget_requests();
    fixture.get_sep("/products").await.expect(StatusCode::OK);
    let tag = json!({"name": "new", "color": "#000000"});
    fixture.send_galaxy(Method::POST, "/tag", &tag).await.expect(StatusCode::OK);
    fixture.run("SELECT 1").await.unwrap();
    fixture.run("CREATE SCHEMA hive_dp.x").await.unwrap();
    fixture.run("CREATE SCHEMA hive_dp.x").await.unwrap_err();
    let requests = fixture.sandbox.requests();
    assert_eq!(
        (requests[&Endpoint::SepListProducts], requests[&Endpoint::GalaxyCreateTag]),
        (1, 1)
    );
    assert_eq!((requests[&Endpoint::Statement], requests[&Endpoint::NextPage]), (3, 9));
    assert_eq!(fixture.sandbox.writes(), Writes { sep: 0, galaxy: 1, sql: 2 });
    let log = fixture.sandbox.log();
    assert_eq!((log[1].method.as_str(), log[1].path.as_str()), ("POST", "/public/api/v1/tag"));
    assert_eq!((log[1].status, log[1].body.contains("\"new\"")), (Some(200), true));
    fixture.sandbox.forget_requests();
    assert!(fixture.sandbox.log().is_empty() && fixture.sandbox.statements().is_empty());
    assert_eq!(fixture.sandbox.writes().total(), 0);
}
