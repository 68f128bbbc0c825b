//! Builds the parts of the program in order of dependence. The only file that knows them all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_engine::{ExecutionFilter, Halted, Handle, Page, Reader, Service, Status, StoreError};
use stepwell_pipeline::progress::{Progress, Silent};
use stepwell_pipeline::{Pipeline, Settings, Surroundings, Switch};
use stepwell_services::Opener;
use stepwell_task::TaskRouter;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::built_in::{self, BuiltIn};
pub(crate) use crate::config::Trigger;
use crate::config::{Config, Problem, Section, variables};
use crate::failure::{Exit, Failure, Outcome};
use crate::functions::{self, Functions, Processes, World};
use crate::lambda::AwsLambda;
use crate::map_data::ProjectBuckets;
use crate::meters::Meters;
use crate::project::{self, Project};
use crate::report::{self, Finding};
use crate::services::ProjectServices;
use crate::{output, processes, secrets};
use stepwell_asl::suggest::closest;

/// A state machine that the project knows.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) name: String,
    /// The definition.
    pub(crate) definition: String,
    /// The input of an execution that gives none: JSON.
    pub(crate) default_input: String,
    /// What it can be asked for beside its input.
    pub(crate) switches: &'static [Switch],
    /// When it starts by itself.
    pub(crate) trigger: Option<Trigger>,
    /// Where the definition comes from; nothing for a built-in pipeline.
    pub(crate) file: Option<PathBuf>,
}

/// What a project consists of, ready to run.
pub(crate) struct Parts {
    /// The built-in pipelines that are configured.
    pub(crate) pipelines: Vec<Pipeline>,
    /// All state machines: those of the pipelines and those of the user.
    pub(crate) machines: Vec<Machine>,
}

impl Parts {
    /// Reads everything that the configuration names. `wanted` is a pipeline that counts as configured, so
    /// that what it misses is told.
    pub(crate) fn read(
        project: &Project,
        config: &Config,
        wanted: Option<&BuiltIn>,
    ) -> Outcome<Self> {
        let pipelines = pipelines(project, config, wanted)?;
        let mut machines: Vec<_> =
            pipelines.iter().flat_map(|it| machines_of(it, config)).collect();
        machines.extend(own_machines(project, config)?);
        Ok(Self { pipelines, machines })
    }

    /// Adds a pipeline that no configuration names.
    pub(crate) fn add(&mut self, pipeline: Pipeline) {
        self.machines.extend(pipeline.machines.iter().map(Machine::of));
        self.pipelines.push(pipeline);
    }

    /// The state machine with a name.
    pub(crate) fn machine(&self, name: &str) -> Outcome<&Machine> {
        self.machines
            .iter()
            .find(|machine| machine.name == name)
            .ok_or_else(|| unknown(name, &self.machines))
    }
}

/// Refuses a name that none of these machines and no built-in pipeline has.
pub(crate) fn unknown(name: &str, machines: &[Machine]) -> Failure {
    let own = machines.iter().map(|machine| machine.name.as_str());
    let built_in = built_in::ALL.iter().flat_map(|it| it.machines).map(|machine| machine.name);
    let known = own.chain(built_in.map(|name: &str| name));
    let message = format!("there is no pipeline or state machine `{name}`");
    let failure = Failure::message(Exit::Refused, message);
    match closest(name, known) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => {
            failure.hint("`stepwell pipeline list` names them; a definition is named by its file")
        }
    }
}

/// The state machines that the configuration names.
pub(crate) fn own_machines(project: &Project, config: &Config) -> Outcome<Vec<Machine>> {
    let (mut machines, mut problems) = (Vec::new(), Vec::new());
    for (name, section) in &config.state_machines {
        match Machine::from_file(name, &project.path(&section.definition)) {
            Ok(machine) => machines.push(Machine { trigger: section.trigger.clone(), ..machine }),
            Err(failure) => problems.push(Problem::new(section.place.clone(), failure.text())),
        }
    }
    if problems.is_empty() { Ok(machines) } else { Err(project::refuse(&config.source, &problems)) }
}

impl Machine {
    /// The state machine of a built-in pipeline.
    pub(crate) fn of(machine: &stepwell_pipeline::Machine) -> Self {
        Self {
            default_input: machine.default_input.to_owned(),
            switches: machine.switches,
            ..Self::given(machine.name.to_owned(), machine.definition.to_owned())
        }
    }

    /// The state machine that a file defines.
    pub(crate) fn from_file(name: &str, file: &Path) -> Outcome<Self> {
        let definition = std::fs::read_to_string(file).map_err(|error| {
            Failure::message(
                Exit::Refused,
                format!("the definition `{}` cannot be read: {error}", file.display()),
            )
            .hint("name a file with a definition; `stepwell pipeline list` names what needs none")
        })?;
        Ok(Self { file: Some(file.to_owned()), ..Self::given(name.to_owned(), definition) })
    }

    /// The state machine of a definition that came by itself.
    pub(crate) fn given(name: String, definition: String) -> Self {
        let default_input = "{}".to_owned();
        Self { name, definition, default_input, switches: &[], trigger: None, file: None }
    }

    /// Tells what is wrong with a definition of the user.
    pub(crate) fn check(&self, router: &dyn TaskRouter) -> Outcome {
        let Some(file) = &self.file else { return Ok(()) };
        let findings = functions::findings(&self.definition, router);
        if !findings.iter().any(Finding::is_error) {
            return Ok(());
        }
        let style = report::Style::of(&std::io::stderr());
        output::note(report::render(style, file, &self.definition, &findings).trim_end());
        Err(Failure::told(Exit::Refused))
    }

    /// Makes the engine know it as it is now, and gives its ARN.
    pub(crate) async fn publish(&self, engine: &Handle) -> Outcome<String> {
        let create = stepwell_engine::CreateStateMachine {
            name: self.name.clone(),
            definition: self.definition.clone(),
            ..Default::default()
        };
        match engine.create_state_machine(create).await {
            Ok(machine) => Ok(machine.arn),
            Err(stepwell_engine::Error::StateMachineAlreadyExists { arn }) => {
                let change = stepwell_engine::UpdateStateMachine {
                    definition: Some(self.definition.clone()),
                    ..Default::default()
                };
                Ok(engine.update_state_machine(&arn, change).await?.arn)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The built-in pipelines that are configured, if only by the environment, or wanted without being so, which
/// tells what is missing.
fn pipelines(
    project: &Project,
    config: &Config,
    wanted: Option<&BuiltIn>,
) -> Outcome<Vec<Pipeline>> {
    let empty: Vec<_> = built_in::ALL.iter().map(|it| (it, Section::empty(it))).collect();
    let is_wanted = |name: &str| wanted.is_some_and(|wanted| wanted.name == name);
    let sections = empty.iter().filter_map(|(built_in, empty)| {
        let name = built_in.name;
        let written = config.pipelines.get(name);
        written.or_else(|| (is_wanted(name) || empty.problems().is_empty()).then_some(empty))
    });
    built(project, config, sections.collect(), wanted)
}

/// One built-in pipeline, whatever others are configured.
pub(crate) fn pipeline(
    project: &Project,
    config: &Config,
    wanted: &BuiltIn,
) -> Outcome<Vec<Pipeline>> {
    let empty = Section::empty(wanted);
    let section = config.pipelines.get(wanted.name).unwrap_or(&empty);
    built(project, config, vec![section], Some(wanted))
}

fn built(
    project: &Project,
    config: &Config,
    sections: Vec<&Section>,
    wanted: Option<&BuiltIn>,
) -> Outcome<Vec<Pipeline>> {
    let problems: Vec<_> = sections.iter().flat_map(|section| section.placed_problems()).collect();
    if !problems.is_empty() {
        let refused = project::refuse(&config.source, &problems);
        return Err(match wanted.filter(|it| !config.pipelines.contains_key(it.name)) {
            Some(BuiltIn { name, .. }) => {
                refused.hint(format!("`stepwell pipeline init {name}` writes its settings"))
            }
            None => refused,
        });
    }
    let surroundings = surroundings(project, config);
    let build = |section: &Section| {
        let built = section.settings.build(&variables::get, &surroundings);
        built.map_err(|error| Failure::new(Exit::Usage, error))
    };
    sections.into_iter().map(build).collect()
}

/// The settings of one pipeline, for a command of its own. What is wrong with them or missing is told.
pub(crate) fn settings<S: Settings + Clone>(project: &Project, config: &Config) -> Outcome<S> {
    let wanted = built_in::ALL.iter().find(|it| it.name == S::PIPELINE);
    pipelines(project, config, wanted)?;
    let written = config.pipelines.get(S::PIPELINE);
    let written = written.and_then(|section| section.settings.as_any().downcast_ref::<S>());
    Ok(written.cloned().unwrap_or_default())
}

/// What pipelines find around them.
pub(crate) fn surroundings(project: &Project, config: &Config) -> Surroundings {
    Surroundings {
        secrets: Arc::new(secrets::Resolver::new(project.vault(), &config.services)),
        services: config.services.clone(),
        state: project.state(),
    }
}

/// Opens services with what pipelines find around them, each once.
pub(crate) fn opener(project: &Project, config: &Config) -> Arc<Opener> {
    Arc::new(Opener::new(surroundings(project, config)))
}

/// What does the tasks of a project without functions of its own, for asking what is served. It opens nothing.
pub(crate) fn router(project: &Project, config: &Config) -> Functions {
    let opener = opener(project, config);
    let services = ProjectServices::new(project, Arc::clone(&opener));
    let world = world(&opener, &services, None);
    Functions::new([], Arc::new(Silent), Arc::default(), Arc::default(), world)
}

fn world(opener: &Arc<Opener>, services: &Arc<ProjectServices>, endpoint: Option<String>) -> World {
    World {
        services: services.integrations(endpoint),
        map_data: Arc::new(ProjectBuckets::new(Arc::clone(opener))),
        lambda: AwsLambda::of(opener),
    }
}

/// The state machines of a pipeline, with what starts them.
fn machines_of(pipeline: &Pipeline, config: &Config) -> Vec<Machine> {
    let section = config.pipelines.get(pipeline.name);
    let machine = |machine: &stepwell_pipeline::Machine| {
        let trigger = section.and_then(|section| section.trigger(machine.name)).cloned();
        Machine { trigger, ..Machine::of(machine) }
    };
    pipeline.machines.iter().map(machine).collect()
}

/// A running engine and the way to stop it.
pub(crate) struct Running {
    /// The door to it.
    pub(crate) engine: Handle,
    /// What its functions do.
    pub(crate) meters: Arc<Meters>,
    /// The functions that run as processes.
    pub(crate) processes: Processes,
    /// What its functions and tasks call; nothing where there are none.
    pub(crate) services: Option<Arc<ProjectServices>>,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), Halted>>,
}

impl Running {
    /// Opens the store and lets the engine run. Function processes find services at `endpoint`.
    pub(crate) async fn start(
        project: &Project,
        config: &Config,
        pipelines: &[Pipeline],
        progress: Arc<dyn Progress>,
        opener: Arc<Opener>,
        endpoint: Option<String>,
    ) -> Outcome<Result<Self, StoreError>> {
        // Paths in the settings of pipelines are relative to the project.
        std::env::set_current_dir(project.root())?;
        let meters = Arc::new(Meters::default());
        let processes = Processes::default();
        let secrets = Arc::clone(&opener.surroundings().secrets);
        let services = ProjectServices::new(project, Arc::clone(&opener));
        let world = world(&opener, &services, endpoint.clone());
        let (counted, ran) = (Arc::clone(&meters), Arc::clone(&processes));
        let functions = Functions::new(pipelines, progress, counted, ran, world);
        let step_functions = functions.step_functions();
        let options = project.options(config)?;
        let store = options.store.clone();
        let service = match options.build(Arc::new(functions)) {
            Ok(service) => service,
            Err(refusal) => return Ok(Err(refusal)),
        };
        spare_unfinished(&store, pipelines)?;
        // Only who holds the store may go on with what functions left.
        let _ = processes.set(processes::open(project, config, secrets, endpoint).await?);
        step_functions.connect(service.handle());
        services.connect(service.handle(), &processes);
        Ok(Ok(Self { meters, processes, services: Some(services), ..Self::of(service) }))
    }

    /// Lets an opened engine run.
    pub(crate) fn of(service: Service) -> Self {
        let shutdown = CancellationToken::new();
        let engine = service.handle();
        let serving = tokio::spawn(service.run(shutdown.clone()));
        let (meters, processes) = (Arc::default(), Arc::default());
        Self { engine, meters, processes, services: None, shutdown, serving }
    }

    /// Returns if the engine ends without being asked to: its disk failed.
    pub(crate) async fn halted(&mut self) -> Failure {
        ended(&mut self.serving).await.err().unwrap_or_else(|| Failure::told(Exit::Interrupted))
    }

    /// Stops it: what runs is finished or left resumable.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.shutdown.cancel();
        ended(&mut self.serving).await
    }
}

/// Refuses to run beside an unfinished execution of a pipeline that is not configured any more: its functions
/// would not be found, and it would fail instead of going on one day.
fn spare_unfinished(store: &Path, pipelines: &[Pipeline]) -> Outcome {
    let reader = Reader::open(store, Project::arns())?;
    let idle = built_in::ALL
        .iter()
        .filter(|built_in| pipelines.iter().all(|pipeline| pipeline.name != built_in.name));
    for (built_in, machine) in idle.flat_map(|it| it.machines.iter().map(move |m| (it, m))) {
        let name = built_in.name;
        if let Some(execution) = unfinished(&reader, machine.name, name)? {
            let message = format!(
                "execution `{execution}` of the pipeline `{name}` is unfinished, and `{name}` is not configured now"
            );
            return Err(Failure::message(Exit::Busy, message).hint(format!(
                "configure it as it was (`stepwell pipeline show {name}` says what is missing), or stop that with `stepwell execution stop {execution}`"
            )));
        }
    }
    Ok(())
}

/// The name of an unfinished execution that calls the functions of a pipeline.
fn unfinished(reader: &Reader, machine: &str, pipeline: &str) -> Outcome<Option<String>> {
    let filter = ExecutionFilter {
        state_machine_arn: Some(Project::arns().state_machine(machine)),
        status: Some(Status::Running),
        ..ExecutionFilter::default()
    };
    let found = match reader.list_executions(&filter, &Page { limit: 1, token: None }) {
        Ok(page) => page.items.into_iter().next(),
        Err(stepwell_engine::Error::StateMachineDoesNotExist { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(execution) = found else { return Ok(None) };
    let machine = reader.describe_state_machine_for_execution(&execution.arn)?;
    let calls = machine.definition.contains(&format!("stepwell-{pipeline}-"));
    Ok(calls.then_some(execution.name))
}

async fn ended(serving: &mut JoinHandle<Result<(), Halted>>) -> Outcome {
    match serving.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(halted)) => Err(Failure::new(Exit::Unavailable, halted)
            .hint("make room on the disk or repair it, then run the same command again")),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The threads of the program. The engine's work waits for the disk, so that a few are enough; each costs memory.
pub(crate) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
