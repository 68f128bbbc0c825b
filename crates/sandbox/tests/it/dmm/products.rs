//! Data products, teams, connectors, and what becomes of accesses when a product changes.

use reqwest::StatusCode;
use serde_json::json;

use super::support::{Fixture, access, product};

async fn with_access() -> Fixture {
    let fixture = Fixture::empty().await;
    for document in [product("orders_dp", &["s3", "glue"]), product("payments_dp", &[])] {
        fixture.sandbox.put_data_product(document).unwrap();
    }
    fixture.sandbox.put_access(access("acc-1")).unwrap();
    fixture.sandbox.approve("acc-1").unwrap();
    fixture
}

#[tokio::test]
async fn events_tell_of_ports_besides_the_product() {
    let fixture = Fixture::empty().await;
    let path = "/api/dataproducts/orders_dp";
    let put = async |ports: &[&str]| {
        let document = product("orders_dp", ports);
        fixture
            .events_of(async |it| {
                it.put(path, &document).await.expect(StatusCode::OK);
            })
            .await
    };
    assert_eq!(
        put(&["a", "b"]).await,
        [
            "DataProductCreated orders_dp",
            "OutputPortCreated orders_dp",
            "OutputPortCreated orders_dp",
        ]
    );
    assert_eq!(
        put(&["b", "c"]).await,
        [
            "DataProductUpdated orders_dp",
            "OutputPortCreated orders_dp",
            "OutputPortDeleted orders_dp",
        ]
    );
    let last = fixture.sandbox.events().pop().unwrap();
    assert_eq!(last["data"]["outputPortId"], "a");
    fixture
        .sandbox
        .change_data_product("orders_dp", |it| it["outputPorts"][0]["custom"] = json!({"x": "y"}))
        .unwrap();
    let names: Vec<_> =
        fixture.sandbox.events().iter().rev().take(2).map(|it| it["type"].clone()).collect();
    assert_eq!(names[0], "com.datamesh-manager.events.OutputPortUpdatedEvent");
}

#[tokio::test]
async fn a_product_in_use_is_not_deleted_unless_by_force() {
    let fixture = with_access().await;
    for id in ["orders_dp", "payments_dp"] {
        fixture
            .delete(&format!("/api/dataproducts/{id}"))
            .await
            .expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(fixture.sandbox.delete_data_product(id).is_err());
    }
    let events =
        fixture.events_of(async |it| it.sandbox.remove_data_product("orders_dp").unwrap()).await;
    assert_eq!(
        events,
        [
            "DataProductDeleted orders_dp",
            "OutputPortDeleted orders_dp",
            "OutputPortDeleted orders_dp"
        ]
    );
    let provider = fixture.sandbox.access("acc-1").unwrap()["provider"].clone();
    assert_eq!(provider, json!({"dataProductId": "unknown", "outputPortId": "unknown"}));
    fixture.get("/api/dataproducts/orders_dp").await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_product_out_of_use_is_deleted() {
    let fixture = with_access().await;
    fixture.sandbox.deactivate("acc-1").unwrap();
    fixture.delete("/api/dataproducts/orders_dp").await.expect(StatusCode::OK);
    fixture.delete("/api/dataproducts/orders_dp").await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_access_whose_port_is_gone_has_an_unknown_port() {
    let fixture = with_access().await;
    fixture
        .put("/api/dataproducts/orders_dp", &product("orders_dp", &["glue"]))
        .await
        .expect(StatusCode::OK);
    let provider = fixture.sandbox.access("acc-1").unwrap()["provider"].clone();
    assert_eq!(provider, json!({"dataProductId": "orders_dp", "outputPortId": "unknown"}));
}

#[tokio::test]
async fn a_list_of_products_has_no_ports_and_is_filtered() {
    let fixture = with_access().await;
    let all = fixture.get("/api/dataproducts").await.expect(StatusCode::OK);
    assert!(all.as_array().unwrap().iter().all(|it| it.get("outputPorts").is_none()));
    let some =
        fixture.get("/api/dataproducts?teamId=orders&q=payments").await.expect(StatusCode::OK);
    assert_eq!(some[0]["id"], "payments_dp");
    assert_eq!(some.as_array().unwrap().len(), 1);
    assert_eq!(fixture.get("/api/dataproducts?teamId=x").await.expect(StatusCode::OK), json!([]));
}

#[tokio::test]
async fn teams_and_connectors_are_kept() {
    let fixture = Fixture::empty().await;
    let team = json!({"id": "a", "name": "A", "type": "Team", "custom": {"aws-role-name": "r"}});
    let events = fixture
        .events_of(async |it| {
            it.put("/api/teams/a", &team).await.expect(StatusCode::OK);
        })
        .await;
    assert_eq!(events, ["TeamCreated a"]);
    assert_eq!(fixture.get("/api/teams/a").await.expect(StatusCode::OK), team);
    let connector = json!({"id": "c", "info": {"type": "aws"}, "state": {"lastEventId": "e"}});
    fixture.get("/api/connectors/c").await.expect(StatusCode::NOT_FOUND);
    fixture
        .put("/api/connectors/c", &json!({"id": "c"}))
        .await
        .expect(StatusCode::UNPROCESSABLE_ENTITY);
    fixture.put("/api/connectors/c", &connector).await.expect(StatusCode::OK);
    assert_eq!(fixture.get("/api/connectors/c").await.expect(StatusCode::OK), connector);
}
