//! `data-mesh`: a backlog of feed events, worked off against a double of SQS and IAM.
//!
//! The real binary runs against the sandbox, which runs in this process, and a moto server. What the reference
//! integration takes is stated with it and not measured here: its Lambdas poll, queue and grant one event at a time.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stepwell_sandbox::dmm::{Options, Sandbox};
use tokio::runtime::Runtime;
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

const QUEUES: [&str; 2] = ["dmm-events.fifo", "dmm-dead.fifo"];

/// Stated by the reference for a backlog of 10,000 events.
const REFERENCE: (&str, &str) = ("122.0", "25,702");

/// Measure the data-mesh pipeline on a backlog of events
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Events of the backlog
    #[arg(long, default_value_t = 10_000)]
    events: usize,

    /// Agreements that they are about
    #[arg(long, default_value_t = 200)]
    agreements: usize,

    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,

    /// A moto server with nothing in it
    #[arg(long, env = "STEPWELL_TEST_MOTO", value_name = "URL")]
    moto: String,
}

/// One line of the table.
struct Row {
    work: String,
    cost: Cost,
    summary: Value,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let options = Options { agreements: args.agreements, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    prepare(&args.moto, &sandbox)?;
    write_settings(folder.path(), &args.moto, &sandbox)?;
    let mut rows = Vec::new();
    let mut measured = |work: &str, expected: &str| -> Result<()> {
        let row = run_once(args, folder.path(), work)?;
        ensure!(row.summary["proven"] == true, "{work} was not proven: {}", row.summary);
        ensure!(row.summary[expected] != 0, "{work} did nothing: {}", row.summary);
        rows.push(row);
        Ok(())
    };
    measured("first start", "granted")?;
    let events = number(args.events as f64);
    sandbox.add_backlog(args.events, args.agreements);
    measured(&format!("{events} events, nothing has changed"), "unchanged")?;
    let active = sandbox.agreements().into_iter().filter(|it| it.active);
    for agreement in active.step_by(2) {
        let ended = sandbox.deactivate(&agreement.id);
        ended.map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
    }
    sandbox.add_backlog(args.events, args.agreements);
    measured(&format!("{events} events, half of the agreements have ended"), "revoked")?;
    print(&rows);
    Ok(())
}

fn run_once(args: &Args, folder: &Path, work: &str) -> Result<Row> {
    ui::step(work);
    let mut command = Command::new(&args.binary);
    command.current_dir(folder).args(["run", "data-mesh"]);
    let (cost, printed) = measure(&mut command)?;
    let summary = serde_json::from_str(&printed).context("the summary is no JSON")?;
    Ok(Row { work: work.to_owned(), cost, summary })
}

fn write_settings(folder: &Path, moto: &str, sandbox: &Sandbox) -> Result<()> {
    let [queue, dead_letter_queue] = QUEUES;
    let settings = format!(
        "[services]\nsqs = \"aws\"\niam = \"aws\"\n\n\
         [services.aws]\nregion = \"eu-central-1\"\nendpoint_url = \"{moto}\"\n\
         access_key_id = \"test\"\nsecret_access_key = \"test\"\n\n\
         [pipelines.data-mesh]\nbase_url = \"{}\"\napi_key = \"{}\"\naccounts = [\"123456789012\"]\n\
         role_patterns = [\"*-consumer-*\"]\nqueue = \"{queue}\"\ndead_letter_queue = \"{dead_letter_queue}\"\n",
        sandbox.base_url(),
        sandbox.api_key()
    );
    Ok(std::fs::write(folder.join("stepwell.toml"), settings)?)
}

/// Makes the queues, and the role of every consumer.
fn prepare(moto: &str, sandbox: &Sandbox) -> Result<()> {
    for queue in QUEUES {
        let form = format!(
            "Action=CreateQueue&Version=2012-11-05&QueueName={queue}&Attribute.1.Name=FifoQueue&Attribute.1.Value=true"
        );
        query(moto, "sqs", &form)?;
    }
    let mut roles: Vec<_> = sandbox.agreements().into_iter().filter_map(|it| it.role).collect();
    roles.sort();
    roles.dedup();
    for role in roles {
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={role}&AssumeRolePolicyDocument=%7B%7D"
        );
        query(moto, "iam", &form)?;
    }
    Ok(())
}

/// A request in AWS's query protocol. moto looks at the scope of the signature only.
fn query(moto: &str, service: &str, form: &str) -> Result<()> {
    let address = moto.strip_prefix("http://").context("moto is reached by http")?;
    let mut stream = TcpStream::connect(address.trim_end_matches('/'))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260301/eu-central-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{form}",
        form.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let is_success = answer.split_whitespace().nth(1) == Some("200");
    ensure!(is_success, "moto refused: {answer}");
    Ok(())
}

fn print(rows: &[Row]) {
    let ours = rows.iter().map(|row| {
        let summary = &row.summary;
        let count = |key: &str| number(summary[key].as_f64().unwrap_or_default());
        let written = summary["granted"].as_f64().unwrap_or_default()
            + summary["revoked"].as_f64().unwrap_or_default();
        vec![
            row.work.clone(),
            "stepwell".to_owned(),
            format!("{:.1}", row.cost.seconds),
            count("aws_requests"),
            number(written),
            format!("{:.0} MiB", row.cost.peak_mib),
        ]
    });
    let (seconds, calls) = REFERENCE;
    let reference = ["10,000 events", "reference (as stated with it)", seconds, calls, "", ""];
    let lines = ours.chain([reference.map(str::to_owned).to_vec()]);
    let columns =
        ["work", "by", "seconds", "AWS calls", "policies written or removed", "peak memory"];
    println!("{}", markdown(&columns, lines));
    println!("\nBudgets: <= 15 s and <= 500 AWS calls for a backlog of 10,000 events.");
}
