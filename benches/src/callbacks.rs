//! `callbacks`: executions that wait for their task tokens while the server is killed, and go on when they are told to.

use std::collections::HashSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use xtask::sfn::Client;
use xtask::ui;

use crate::machine::resident_mib;
use crate::project::{Project, create};
use crate::table::{markdown, number};

const CLIENTS: usize = 8;

/// Measure callbacks that are open across a restart
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Callbacks
    #[arg(long, default_value_t = 10_000)]
    callbacks: usize,

    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::new(&args.binary, |_| Ok(String::new()))?;
    let (server, _) = project.start()?;
    let bench = Bench::prepare(&project, args.callbacks)?;
    ui::step(format!("starting {} executions", number(args.callbacks as f64)));
    let ((), opened) = timed(|| bench.start())?;
    let (tokens, received) = timed(|| bench.receive())?;
    let memory = resident_mib(server.id());
    ui::step("killing the server");
    server.kill()?;
    let (server, restart) = project.start()?;
    let (_, first) = timed(|| bench.count("RUNNING"))?;
    ui::step("answering the callbacks");
    let ((), ended) = timed(|| bench.succeed(&tokens))?;
    let rows = [
        ("started, each with a message in a queue", bench.rate(opened), String::new()),
        ("received from the queue", bench.rate(received), format!("{memory:.0} MiB")),
        (
            "first answer after kill -9",
            format!("{:.0} ms", restart.as_secs_f64() * 1e3),
            String::new(),
        ),
        ("all listed as RUNNING", format!("{:.0} ms", first.as_secs_f64() * 1e3), String::new()),
        (
            "SendTaskSuccess to the last SUCCEEDED",
            bench.rate(ended),
            format!("{:.0} MiB", resident_mib(server.id())),
        ),
    ];
    let rows = rows.map(|(work, measured, memory)| vec![work.to_owned(), measured, memory]);
    println!("{}", markdown(&["callbacks", "measured", "memory then"], rows));
    server.kill()
}

struct Bench<'a> {
    project: &'a Project,
    callbacks: usize,
    queue: Value,
    machine: Value,
}

impl<'a> Bench<'a> {
    fn prepare(project: &'a Project, callbacks: usize) -> Result<Self> {
        let mut client = project.client();
        let queue = client.call_service("AmazonSQS", "CreateQueue", &json!({"QueueName": "work"}));
        let queue = queue?["QueueUrl"].take();
        let definition = json!({"StartAt": "Ask", "States": {"Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": queue, "MessageBody.$": "$$.Task.Token"},
            "End": true,
        }}});
        let machine = create(project.launch.address, "callbacks", &definition)?;
        Ok(Self { project, callbacks, queue, machine })
    }

    fn start(&self) -> Result<()> {
        let request = json!({"stateMachineArn": self.machine});
        self.in_parallel(|client, number| {
            for _ in (number..self.callbacks).step_by(CLIENTS) {
                client.call("StartExecution", &request)?;
            }
            Ok(())
        })
    }

    /// The tokens, from the messages.
    fn receive(&self) -> Result<Vec<Value>> {
        let mut client = self.project.client();
        let request = json!({"QueueUrl": self.queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 600});
        let mut tokens = Vec::new();
        let mut is_known = HashSet::new();
        while tokens.len() < self.callbacks {
            let mut answer = client.call_service("AmazonSQS", "ReceiveMessage", &request)?;
            let Value::Array(messages) = answer["Messages"].take() else {
                bail!("only {} messages came", tokens.len())
            };
            // A queue may give a message twice.
            let bodies = messages.into_iter().map(|mut message| message["Body"].take());
            tokens.extend(bodies.filter(|token| is_known.insert(token.to_string())));
        }
        Ok(tokens)
    }

    fn succeed(&self, tokens: &[Value]) -> Result<()> {
        self.in_parallel(|client, number| {
            for token in tokens.iter().skip(number).step_by(CLIENTS) {
                client.call("SendTaskSuccess", &json!({"taskToken": token, "output": "{}"}))?;
            }
            Ok(())
        })?;
        while self.count("RUNNING")? > 0 {
            thread::sleep(Duration::from_millis(5));
        }
        let succeeded = self.count("SUCCEEDED")?;
        ensure!(succeeded == tokens.len(), "{succeeded} of {} succeeded", tokens.len());
        Ok(())
    }

    fn count(&self, status: &str) -> Result<usize> {
        let request =
            json!({"stateMachineArn": self.machine, "statusFilter": status, "maxResults": 1000});
        let mut client = self.project.client();
        Ok(client.call_paged("ListExecutions", request, "executions")?.len())
    }

    fn in_parallel(&self, work: impl Fn(&mut Client, usize) -> Result<()> + Sync) -> Result<()> {
        thread::scope(|scope| {
            let one = |number| {
                let work = &work;
                scope.spawn(move || work(&mut self.project.client(), number))
            };
            let running: Vec<_> = (0..CLIENTS).map(one).collect();
            running.into_iter().try_for_each(|it| it.join().expect("no client panics"))
        })
    }

    fn rate(&self, took: Duration) -> String {
        format!("{}/s", number(self.callbacks as f64 / took.as_secs_f64()))
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let started = Instant::now();
    let value = work()?;
    Ok((value, started.elapsed()))
}
