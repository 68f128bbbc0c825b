//! What the parameters of Systems Manager do over HTTP.

use serde_json::{Value, json};
use stepwell_integrations::aws::{CallError, JsonClient, Service};

use super::implementations;
use crate::support::{Embedded, Time, connection, unique};

const SERVICE: Service =
    Service { id: "SSM", signing_name: "ssm", target_prefix: "AmazonSSM", json_version: "1.1" };

struct Fixture {
    client: JsonClient,
    _embedded: Option<Embedded>,
}

implementations!(
    a_parameter_is_put_once_and_then_overwritten,
    what_is_secret_is_shown_on_demand,
    parameters_are_found_by_path,
);

async fn embedded() -> Fixture {
    let embedded = Embedded::start(&Time::manual()).await;
    let client = JsonClient::new(&connection(&embedded.url).await, SERVICE);
    Fixture { client, _embedded: Some(embedded) }
}

async fn moto() -> Option<Fixture> {
    let client = JsonClient::new(&connection(&crate::support::moto()?).await, SERVICE);
    Some(Fixture { client, _embedded: None })
}

impl Fixture {
    async fn call(&self, operation: &'static str, input: Value) -> Value {
        self.client.call_as(operation, &input).await.unwrap()
    }

    async fn refused(&self, operation: &'static str, input: Value) -> String {
        match self.client.call(operation, &input).await.unwrap_err() {
            CallError::Refused { code, .. } => code,
            other => panic!("{other}"),
        }
    }

    async fn put(&self, name: &str, value: &str, kind: &str) -> Value {
        self.call("PutParameter", json!({"Name": name, "Value": value, "Type": kind})).await
    }
}

async fn a_parameter_is_put_once_and_then_overwritten(fixture: &Fixture) {
    let name = unique("parameter");
    assert_eq!(fixture.put(&name, "1", "String").await["Version"], 1);
    let again = json!({"Name": name, "Value": "2", "Type": "String"});
    assert_eq!(fixture.refused("PutParameter", again).await, "ParameterAlreadyExists");
    let overwrite = json!({"Name": name, "Value": "2", "Type": "String", "Overwrite": true});
    assert_eq!(fixture.call("PutParameter", overwrite).await["Version"], 2);
    let found = fixture.call("GetParameter", json!({"Name": name})).await;
    assert_eq!(
        (&found["Parameter"]["Value"], &found["Parameter"]["Version"]),
        (&json!("2"), &json!(2))
    );
    fixture.call("DeleteParameter", json!({"Name": name})).await;
    assert_eq!(fixture.refused("GetParameter", json!({"Name": name})).await, "ParameterNotFound");
    assert_eq!(
        fixture.refused("DeleteParameter", json!({"Name": name})).await,
        "ParameterNotFound"
    );
}

async fn what_is_secret_is_shown_on_demand(fixture: &Fixture) {
    let name = unique("parameter");
    fixture.put(&name, "hidden", "SecureString").await;
    let shown = fixture.call("GetParameter", json!({"Name": name, "WithDecryption": true})).await;
    assert_eq!(shown["Parameter"]["Value"], "hidden");
    let names = json!({"Names": [name, "none"]});
    let found = fixture.call("GetParameters", names).await;
    assert_ne!(found["Parameters"][0]["Value"], "hidden");
    assert_eq!(found["Parameters"][0]["Type"], "SecureString");
    assert_eq!(found["InvalidParameters"], json!(["none"]));
}

async fn parameters_are_found_by_path(fixture: &Fixture) {
    let root = format!("/{}", unique("root"));
    for name in ["a", "b", "b/c"] {
        fixture.put(&format!("{root}/{name}"), name, "String").await;
    }
    let names = async |input: Value| {
        let found = fixture.call("GetParametersByPath", input).await;
        let of = |it: &Value| it["Name"].as_str().unwrap().trim_start_matches(&root).to_owned();
        let mut names: Vec<_> = found["Parameters"].as_array().unwrap().iter().map(of).collect();
        names.sort();
        (names, found["NextToken"].clone())
    };
    assert_eq!(names(json!({"Path": root})).await.0, ["/a", "/b"]);
    assert_eq!(names(json!({"Path": root, "Recursive": true})).await.0, ["/a", "/b", "/b/c"]);
    let (first, token) = names(json!({"Path": root, "Recursive": true, "MaxResults": 2})).await;
    let next = json!({"Path": root, "Recursive": true, "MaxResults": 2, "NextToken": token});
    let (second, token) = names(next).await;
    assert_eq!((first.len(), second.len(), token), (2, 1, Value::Null));
}
