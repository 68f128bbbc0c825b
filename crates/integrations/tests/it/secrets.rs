//! AWS Secrets Manager, of which moto stands for AWS.

use aws_sdk_secretsmanager::primitives::Blob;
use secrecy::ExposeSecret as _;
use stepwell_integrations::secretsmanager::{Error, SecretsManager};

use crate::support::{connection, moto, secrets_client, unique};

#[tokio::test]
async fn a_secret_is_read_and_not_shown() {
    let Some(url) = moto() else { return };
    let name = unique("api-key");
    let create = secrets_client(&url).create_secret().name(&name).secret_string("ed-ak-üñ");
    create.send().await.unwrap();
    let secret =
        SecretsManager::new(&connection(&url).await).get_secret_value(&name).await.unwrap();
    assert_eq!(secret.expose_secret(), "ed-ak-üñ");
    assert!(!format!("{secret:?}").contains("ed-ak"));
}

#[tokio::test]
async fn a_missing_and_a_binary_secret_say_so() {
    let Some(url) = moto() else { return };
    let name = unique("binary");
    let create = secrets_client(&url).create_secret().name(&name).secret_binary(Blob::new([1]));
    create.send().await.unwrap();
    let secrets = SecretsManager::new(&connection(&url).await);
    let error = secrets.get_secret_value(&name).await.unwrap_err();
    assert!(matches!(error, Error::NotText { .. }), "{error}");
    let error = secrets.get_secret_value("nobody").await.unwrap_err();
    assert!(matches!(&error, Error::NoSuchSecret { name } if name == "nobody"), "{error}");
    assert!(!error.is_retryable());
}
