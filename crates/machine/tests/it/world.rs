//! A world to run an execution in: a manual clock, tasks that end when their script says so, and a twin
//! that is folded from the serialised journal and must never differ from the live run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::StateMachine;
use stepwell_machine::{
    Command, DecideContext, Decision, Entry, EventId, ExecutionContext, Input, Limits, Payload,
    Phase, Run, ScheduledTask, Start, TaskResult, apply, decide,
};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "111111111111";
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/machine-role";

/// How a scripted task ends, and how long it takes.
pub(crate) struct Ending {
    pub(crate) after: Duration,
    pub(crate) outcome: TaskResult,
}

/// One execution under way.
pub(crate) struct World {
    pub(crate) run: Run,
    pub(crate) entries: Vec<Entry>,
    pub(crate) now: Timestamp,
    pub(crate) limits: Limits,
    definition: Arc<StateMachine>,
    twin: Run,
    seed: u64,
    /// Open tasks in the order of their ends.
    open: BTreeMap<(Timestamp, EventId), (Timestamp, TaskResult)>,
}

impl World {
    pub(crate) fn new(definition: &str, input: &str) -> Self {
        let start = start(definition, input);
        Self {
            definition: Arc::clone(&start.definition),
            run: Run::new(start.clone()),
            twin: Run::new(start),
            entries: Vec::new(),
            now: start_time(),
            limits: Limits::None,
            seed: 7,
            open: BTreeMap::new(),
        }
    }

    /// Runs until the execution ends, or until nothing would ever happen again.
    pub(crate) fn run_to_end(&mut self, mut handler: impl FnMut(&ScheduledTask) -> Option<Ending>) {
        self.give(Input::Start { limits: self.limits }, &mut handler);
        while *self.run.phase() == Phase::Running {
            let Some(input) = self.next_input() else { return };
            self.give(input, &mut handler);
        }
    }

    /// Advances the clock to the next thing that happens.
    fn next_input(&mut self) -> Option<Input> {
        let wakeup = self.run.next_wakeup();
        let end = self.open.first_key_value().map(|((at, _), _)| *at);
        if wakeup.is_some_and(|wakeup| end.is_none_or(|end| wakeup <= end)) {
            self.now = self.now.max(wakeup?);
            return Some(Input::TimerFired);
        }
        let ((at, scheduled), (started_at, outcome)) = self.open.pop_first()?;
        self.now = self.now.max(at);
        Some(Input::TaskFinished { scheduled, started_at, outcome })
    }

    /// Gives one input, and the tasks that follow from it to their handler.
    pub(crate) fn give(
        &mut self,
        input: Input,
        handler: &mut impl FnMut(&ScheduledTask) -> Option<Ending>,
    ) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let decision = self.decide(input);
            if decision.more {
                inputs.push(Input::Continue);
            }
            for command in decision.commands {
                self.perform(command, handler, &mut inputs);
            }
        }
    }

    /// Decides, and checks that the journal alone gives the same run.
    pub(crate) fn decide(&mut self, input: Input) -> Decision {
        self.seed += 1;
        let decision = decide(
            &mut self.run,
            input,
            &DecideContext { now: self.now, seed: self.seed, ..DecideContext::default() },
        );
        let journal = serde_json::to_string(&decision.entries).expect("entries serialise");
        let stored: Vec<Entry> = serde_json::from_str(&journal).expect("entries deserialise");
        assert_eq!(stored, decision.entries, "entries change in the journal");
        for entry in &stored {
            apply(&mut self.twin, entry).expect("the journal is legal");
        }
        assert!(
            self.twin == self.run,
            "folding gives another run:\n{:#?}\n{:#?}",
            self.twin,
            self.run
        );
        self.entries.extend(stored);
        decision
    }

    fn perform(
        &mut self,
        command: Command,
        handler: &mut impl FnMut(&ScheduledTask) -> Option<Ending>,
        inputs: &mut Vec<Input>,
    ) {
        match command {
            Command::ScheduleTask(task) => {
                inputs.insert(0, Input::TaskStarted { scheduled: task.scheduled, at: self.now });
                if let Some(Ending { after, outcome }) = handler(&task) {
                    let end = self.now + after;
                    self.open.insert((end, task.scheduled), (self.now, outcome));
                }
            }
            Command::StartMapRun(_) => {}
            Command::CancelTask { scheduled } => {
                self.open.retain(|(_, open), _| *open != scheduled);
            }
        }
    }

    pub(crate) fn definition(&self) -> &StateMachine {
        &self.definition
    }

    /// The history as `GetExecutionHistory` shows it.
    pub(crate) fn history(&self) -> Vec<Value> {
        self.entries.iter().filter_map(Entry::to_history_event).collect()
    }
}

pub(crate) fn start_time() -> Timestamp {
    "2024-07-15T12:00:00Z".parse().expect("a timestamp")
}

pub(crate) fn start(definition: &str, input: &str) -> Start {
    let (machine, diagnostics) = stepwell_asl::parse(definition);
    let machine = machine.unwrap_or_else(|| panic!("the definition is refused: {diagnostics:#?}"));
    Start {
        definition: Arc::new(machine),
        context: ExecutionContext {
            execution_arn: format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:m-1:run-1").into(),
            execution_name: "run-1".into(),
            role_arn: ROLE_ARN.into(),
            start_time: start_time(),
            state_machine_arn: format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m-1").into(),
            state_machine_name: "m-1".into(),
        },
        input: Payload::parse(input).expect("the input is JSON"),
    }
}
