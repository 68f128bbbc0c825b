//! What holds for every pipeline.

use std::sync::Arc;

use stepwell_canvas::Settings;
use stepwell_pipeline::testing::{self, Keys};
use stepwell_pipeline::{Settings as _, Surroundings};

#[test]
fn the_definition_and_the_functions_fit() {
    let variable = |name: &str| Some(format!("value of {name}"));
    let settings = Settings {
        base_url: Some("http://127.0.0.1:1".into()),
        target: Some("sqlite:canvas.db".to_owned().into()),
        ..Settings::default()
    };
    let surroundings = Surroundings::embedded(Arc::new(Keys::none()), "nowhere".into());
    testing::check(&settings.build(&variable, &surroundings).unwrap());
}
