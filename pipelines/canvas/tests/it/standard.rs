//! What holds for every pipeline.

use std::sync::Arc;

use secrecy::SecretString;
use stepwell_canvas::{Config, Settings, pipeline};
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::{HandlerError, testing};

struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, name: &str) -> Result<SecretString, HandlerError> {
        Err(HandlerError::Config(format!("no secret `{name}`")))
    }
}

#[test]
fn the_definition_and_the_functions_fit() {
    let variable = |name: &str| Some(format!("value of {name}"));
    let settings = Settings {
        base_url: Some("http://127.0.0.1:1".into()),
        target: Some("sqlite:canvas.db".to_owned().into()),
        ..Settings::default()
    };
    let config = Config::new(settings, variable).unwrap();
    testing::check(&pipeline(config, Arc::new(NoSecrets)).unwrap());
}
