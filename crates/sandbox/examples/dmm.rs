//! Serves a Data Mesh Manager sandbox until it is stopped: `cargo run -p stepwell-sandbox --example dmm -- [ADDRESS] [AGREEMENTS]`.
//!
//! Awkward agreements of every kind are among them; time is the machine's.

use std::error::Error;
use std::io::Write;

use stepwell_sandbox::dmm::{Awkward, Options, Sandbox, TimeSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let agreements = arguments.next().map_or(Ok(200), |number| number.parse())?;
    let options = Options {
        agreements,
        awkward: Awkward::ALL.into(),
        time: TimeSource::System,
        ..Options::default()
    };
    let sandbox = Sandbox::start_at(options, listen).await?;
    writeln!(
        std::io::stdout(),
        "export DMM_BASE_URL={}\nexport DMM_API_KEY={}",
        sandbox.base_url(),
        sandbox.api_key()
    )?;
    std::future::pending().await
}
