//! What Secrets Manager does over HTTP, seen by the SDK's own client.

use aws_sdk_secretsmanager::Client;

use super::implementations;
use crate::support::{Embedded, Time, secrets_client, unique};

struct Fixture {
    client: Client,
    _embedded: Option<Embedded>,
}

implementations!(a_secret_is_made_read_changed_and_deleted, what_is_there_or_missing_is_said,);

async fn embedded() -> Fixture {
    let embedded = Embedded::start(&Time::manual()).await;
    Fixture { client: secrets_client(&embedded.url), _embedded: Some(embedded) }
}

#[expect(clippy::unused_async, reason = "the embedded fixture has to wait")]
async fn moto() -> Option<Fixture> {
    Some(Fixture { client: secrets_client(&crate::support::moto()?), _embedded: None })
}

async fn a_secret_is_made_read_changed_and_deleted(fixture: &Fixture) {
    let (client, name) = (&fixture.client, unique("secret"));
    let created = client.create_secret().name(&name).secret_string("one").send().await.unwrap();
    let arn = created.arn.unwrap();
    let read = async |id: &str| {
        let answer = client.get_secret_value().secret_id(id).send().await.unwrap();
        answer.secret_string.unwrap()
    };
    assert_eq!((read(&name).await, read(&arn).await), ("one".to_owned(), "one".to_owned()));
    client.put_secret_value().secret_id(&name).secret_string("two").send().await.unwrap();
    assert_eq!(read(&name).await, "two");
    let described = client.describe_secret().secret_id(&name).send().await.unwrap();
    assert_eq!(described.name.as_ref(), Some(&name));
    let listed = client.list_secrets().send().await.unwrap();
    assert!(listed.secret_list().iter().any(|it| it.name.as_ref() == Some(&name)));
    let delete = client.delete_secret().secret_id(&name).force_delete_without_recovery(true);
    delete.send().await.unwrap();
    let gone = client.get_secret_value().secret_id(&name).send().await.unwrap_err();
    assert!(gone.as_service_error().unwrap().is_resource_not_found_exception(), "{gone:?}");
}

async fn what_is_there_or_missing_is_said(fixture: &Fixture) {
    let (client, name) = (&fixture.client, unique("secret"));
    let missing = client.put_secret_value().secret_id(&name).secret_string("x").send().await;
    let missing = missing.unwrap_err();
    assert!(missing.as_service_error().unwrap().is_resource_not_found_exception(), "{missing:?}");
    client.create_secret().name(&name).secret_string("one").send().await.unwrap();
    let again = client.create_secret().name(&name).secret_string("two").send().await.unwrap_err();
    assert!(again.as_service_error().unwrap().is_resource_exists_exception(), "{again:?}");
    let kept = client.get_secret_value().secret_id(&name).send().await.unwrap();
    assert_eq!(kept.secret_string(), Some("one"));
}
