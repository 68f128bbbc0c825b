//! `stepwell serve [DIR]`

use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use stepwell_runner::Runner;
use stepwell_services::Opener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Global;
use crate::access;
use crate::alarms::Watcher;
use crate::client::ServerFile;
use crate::config::Config;
use crate::connections;
use crate::failure::{Exit, Failure, Outcome};
use crate::logs::Daily;
use crate::meters::Meters;
use crate::progress::Hub;
use crate::project::Project;
use crate::scheduler::Scheduler;
use crate::server::Server;
use crate::triggers::http;
use crate::triggers::queue::Consumer;
use crate::wiring::{self, Machine, Parts, Running};
use crate::{secrets, shutdown, status_events, telemetry, test_functions, triggers};

/// How long requests that are under way may take to finish once the server is told to stop.
const REQUESTS_FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Run the engine, its API and the schedules
///
/// SIGTERM and SIGINT stop it: what runs is finished or left resumable. A second signal quits at once.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder of the project; the same as `--project`
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Where to listen; beyond loopback, requests must be signed by one of [access-keys]
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566", env = "STEPWELL_LISTEN")]
    listen: SocketAddr,
    /// Let nobody in without a signature of one of [access-keys], on loopback too
    #[arg(long, env = "STEPWELL_REQUIRE_AUTH")]
    require_auth: bool,
    /// Hold executions to AWS's limits: 256 KiB of data, 25,000 history events
    #[arg(long)]
    aws_limits: bool,
    /// Connections at once; a new one takes the place of the one that has waited longest for its client
    #[arg(long, value_name = "NUMBER", default_value = "4096", env = "STEPWELL_CONNECTIONS")]
    connections: NonZero<usize>,
    /// How log lines look
    #[arg(long, value_enum, default_value = "text", env = "STEPWELL_LOG_FORMAT")]
    log_format: telemetry::Format,
    /// Offer functions for tests, which write to this SQLite file
    #[arg(long, value_name = "FILE", hide = true)]
    test_functions: Option<PathBuf>,
}

impl Serve {
    pub(crate) fn log_format(&self) -> telemetry::Format {
        self.log_format
    }

    /// The log files that the project asks for.
    pub(crate) fn log_files(&self, global: &Global) -> Outcome<Option<Daily>> {
        let project = self.project(global)?;
        Daily::open(project.root(), &project.logs()?, Timestamp::now())
    }

    fn project(&self, global: &Global) -> Outcome<Project> {
        match &self.folder {
            Some(folder) => Project::open(folder),
            None => global.project(),
        }
    }

    pub(crate) fn run(self, global: &Global) -> Outcome {
        let project = self.project(global)?;
        let mut config = project.config()?;
        let is_authenticated = access::check(&config, self.listen, self.require_auth)?;
        let port = Port { listener: bind(self.listen)?, connections: self.connections.get() };
        config.aws_limits |= self.aws_limits;
        let mut parts = Parts::read(&project, &config, None)?;
        if let Some(effects) = &self.test_functions {
            parts.add(
                test_functions::pipeline(effects)
                    .map_err(|error| Failure::new(Exit::Unavailable, error))?,
            );
        }
        let router = wiring::router(&project, &config);
        parts.machines.iter().try_for_each(|machine| machine.check(&router))?;
        triggers::check(&config, &parts.machines)?;
        let runtime = wiring::runtime()?;
        let served = runtime.block_on(serve(&project, &config, parts, port, is_authenticated));
        // What still runs on a thread of its own was not acknowledged.
        runtime.shutdown_timeout(REQUESTS_FINISH_WITHIN);
        served
    }
}

/// Where requests come in.
struct Port {
    listener: TcpListener,
    /// At once.
    connections: usize,
}

/// Binds before any serious work, so that a wrong setting fails in the first second.
fn bind(address: SocketAddr) -> Outcome<TcpListener> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|error| {
        Failure::message(Exit::Unavailable, format!("cannot listen on {address}: {error}")).hint(
            "name another address with `--listen`, for instance 127.0.0.1:0 for any free port",
        )
    })
}

async fn serve(
    project: &Project,
    config: &Config,
    parts: Parts,
    port: Port,
    is_authenticated: bool,
) -> Outcome {
    let stop = shutdown::on_signal()?;
    let hub = Hub::new();
    let metrics = telemetry::metrics();
    let endpoint = format!("http://{}", port.listener.local_addr()?);
    let progress = Arc::new(hub.clone());
    let opener = wiring::opener(project, config);
    let shared = Arc::clone(&opener);
    let mut running =
        Running::start(project, config, &parts.pipelines, progress, shared, Some(endpoint))
            .await??;
    let telling = running.services.clone().map(|services| {
        tokio::spawn(status_events::tell(running.engine.clone(), services, stop.clone()))
    });
    let token: Arc<str> = secrets::token().into();
    let keys = if is_authenticated {
        let functions = running.processes.get().map(Runner::access_key);
        let secrets = &*opener.surroundings().secrets;
        Some(access::keys(config, secrets, functions, Arc::clone(&token)).await?)
    } else {
        None
    };
    let server = Server {
        keys,
        engine: running.engine.clone(),
        processes: Arc::clone(&running.processes),
        services: running.services.iter().flat_map(|it| it.on_the_port().to_vec()).collect(),
        machines: parts.machines.clone().into(),
        hub,
        metrics,
        token,
        stop: stop.clone(),
    };
    let meters = Arc::clone(&running.meters);
    let world = World { meters, opener };
    let work = work(project, config, parts.machines, server, world, port, &stop);
    let outcome = tokio::select! {
        outcome = work => outcome,
        failure = running.halted() => return Err(failure),
    };
    stop.cancel();
    info!("stopping");
    let _ = std::fs::remove_file(project.server_file());
    if let Some(mut telling) = telling
        && tokio::time::timeout(REQUESTS_FINISH_WITHIN, &mut telling).await.is_err()
    {
        telling.abort();
    }
    running.stop().await?;
    info!("stopped");
    outcome
}

/// What the work counts and opens.
struct World {
    meters: Arc<Meters>,
    opener: Arc<Opener>,
}

async fn work(
    project: &Project,
    config: &Config,
    machines: Vec<Machine>,
    server: Server,
    world: World,
    port: Port,
    stop: &CancellationToken,
) -> Outcome {
    let World { meters, opener } = world;
    let mut published = Vec::new();
    for machine in machines {
        let arn = machine.publish(&server.engine).await?;
        published.push((machine, arn));
    }
    let schedules = Scheduler::new(
        server.engine.clone(),
        project.schedules_file(),
        &published,
        Timestamp::now(),
    )?;
    let (triggers, secrets) = (&config.triggers, &*opener.surroundings().secrets);
    let routes = http::router(triggers, &server.engine, &published, secrets).await?;
    let consumers = consumers(config, &server, &published, &meters, &opener).await?;
    let alarms = Watcher::new(&config.alarms, meters, server.engine.clone(), opener);
    let listener = tokio::net::TcpListener::from_std(port.listener)?;
    let address = listener.local_addr()?;
    let file = ServerFile {
        address: address.to_string(),
        pid: std::process::id(),
        token: server.token.to_string(),
    };
    file.write(&project.server_file())?;
    info!(%address, project = %project.root().display(), "serving");
    let schedules = tokio::spawn(schedules.run(stop.clone()));
    let watching = tokio::spawn(alarms.run(stop.clone()));
    let consuming: Vec<_> =
        consumers.into_iter().map(|it| tokio::spawn(it.run(stop.clone()))).collect();
    let most = connections::most(port.connections);
    tokio::select! {
        () = connections::serve(listener, server.router(routes), most, stop.clone()) => {}
        () = patience(stop) => {}
    }
    let _ = schedules.await;
    let _ = watching.await;
    for consumer in consuming {
        let _ = consumer.await;
    }
    Ok(())
}

/// The queues whose messages start executions.
async fn consumers(
    config: &Config,
    server: &Server,
    published: &[(Machine, String)],
    meters: &Arc<Meters>,
    opener: &Arc<Opener>,
) -> Outcome<Vec<Consumer>> {
    let mut consumers = Vec::new();
    for (name, trigger) in &config.triggers.queues {
        let (meters, opener) = (Arc::clone(meters), Arc::clone(opener));
        let consumer =
            Consumer::open(name, trigger, &server.engine, published, meters, opener).await?;
        consumers.push(consumer);
    }
    Ok(consumers)
}

/// Ends some seconds after the stop: a client that never finishes its request must not hold it up.
async fn patience(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(REQUESTS_FINISH_WITHIN).await;
}
