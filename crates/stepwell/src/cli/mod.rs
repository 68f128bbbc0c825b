//! The command line: what can be typed, and which file does it.

mod completions;
mod demo;
mod execution;
mod explain;
mod function;
mod lake;
mod pipeline;
mod qc;
mod reconcile;
mod run;
mod secret;
mod serve;
mod store;
mod validate;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::variables;
use crate::failure::Outcome;
use crate::project::Project;
use crate::telemetry;

/// Runs data pipelines written as Amazon States Language state machines, durably on one machine.
#[derive(Debug, Parser)]
#[command(name = "stepwell", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder of the project
    #[arg(long, short = 'C', global = true, value_name = "DIR", env = variables::PROJECT, default_value = ".")]
    project: PathBuf,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    /// What to log on stderr, for instance `info` or `stepwell_engine=debug`
    #[arg(long, global = true, value_name = "FILTER", env = variables::LOG)]
    log: Option<String>,
}

impl Global {
    fn project(&self) -> Outcome<Project> {
        Project::open(&self.project)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Run(run::Run),
    Reconcile(reconcile::Reconcile),
    #[command(subcommand)]
    Lake(lake::Lake),
    Serve(serve::Serve),
    Validate(validate::Validate),
    #[command(subcommand)]
    Execution(execution::Execution),
    #[command(subcommand)]
    Function(function::Function),
    #[command(subcommand)]
    Pipeline(pipeline::Pipeline),
    #[command(subcommand)]
    Qc(qc::Qc),
    #[command(subcommand)]
    Secret(secret::Secret),
    #[command(subcommand)]
    Store(store::Store),
    Watch(watch::Watch),
    Explain(explain::Explain),
    Completions(completions::Completions),
}

impl Cli {
    /// Does what was typed.
    pub(crate) fn run(self) -> Outcome<ExitCode> {
        let Self { global, command } = self;
        let (format, files) = match &command {
            Command::Serve(serve) => (serve.log_format(), serve.log_files(&global)?),
            _ => (telemetry::Format::Quiet, None),
        };
        telemetry::log(global.log.as_deref(), format, files)?;
        match command {
            Command::Demo(command) => command.run(&global).map(done),
            Command::Run(command) => command.run(&global),
            Command::Reconcile(command) => command.run(&global),
            Command::Lake(command) => command.run(&global).map(done),
            Command::Serve(command) => command.run(&global).map(done),
            Command::Validate(command) => command.run(&global),
            Command::Execution(command) => command.run(&global).map(done),
            Command::Function(command) => command.run(&global),
            Command::Pipeline(command) => command.run(&global).map(done),
            Command::Qc(command) => command.run(&global),
            Command::Secret(command) => command.run(&global).map(done),
            Command::Store(command) => command.run(&global).map(done),
            Command::Watch(command) => command.run(&global).map(done),
            Command::Explain(command) => command.run(&global).map(done),
            Command::Completions(command) => command.run().map(done),
        }
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}
