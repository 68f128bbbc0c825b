//! The clients: they want their state machines created, their executions started, the endless ones stopped, those that
//! fail redriven once, hear of every end, and ask again until they are answered.

use std::sync::Arc;

use stepwell_asl::parse;
use stepwell_engine::kernel::{Definition, Event, RedriveRequest, StartRequest};
use stepwell_engine::{Error, NotRedrivable, Status};
use stepwell_machine::{Limits, Payload};
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::load::{self, Load, Machine};
use crate::process::arns;
use crate::witness::Witness;

const SUCCEEDED: NotRedrivable = NotRedrivable::Status(Status::Succeeded);

pub(crate) struct Clients<'a> {
    load: &'a Load,
    wishes: Vec<Wish>,
}

/// Something that a client wants, in the order in which it wants it.
struct Wish {
    what: What,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Create(usize),
    Start(usize),
    Stop(usize),
    Wait(usize),
    Redrive(usize),
    WaitAgain(usize),
}

enum State {
    Unsent,
    Sent(Answer),
    Answered,
}

/// Where the answer will come in; what it says beyond "done" or the error is of no interest.
type Answer = Box<dyn FnMut() -> Result<Result<(), Error>, TryRecvError>>;

impl<'a> Clients<'a> {
    pub(crate) fn new(load: &'a Load) -> Self {
        let creates = (0..load.machines.len()).map(What::Create);
        let starts = (0..load.starts.len()).map(What::Start);
        let endless = load.starts.iter().enumerate().filter(|(_, start)| start.endless);
        let stops = endless.map(|(index, _)| What::Stop(index));
        let waits = (0..load.starts.len()).map(What::Wait);
        let ending = || load.starts.iter().enumerate().filter(|(_, start)| !start.endless);
        let redrives = ending().map(|(index, _)| What::Redrive(index));
        let ends = ending().map(|(index, _)| What::WaitAgain(index));
        let wishes = creates.chain(starts).chain(stops).chain(waits).chain(redrives).chain(ends);
        let wishes = wishes.map(|what| Wish { what, state: State::Unsent }).collect();
        Self { load, wishes }
    }

    pub(crate) fn arn(&self, start: &load::StartRequest) -> String {
        arn(self.load, start)
    }

    /// Whether every wish was answered.
    pub(crate) fn are_content(&self) -> bool {
        self.wishes.iter().all(|wish| matches!(wish.state, State::Answered))
    }

    /// Whether there is a request to send.
    pub(crate) fn has_request(&self) -> bool {
        self.wishes.iter().any(|wish| self.may_send(wish))
    }

    /// Sends the first request that can be sent.
    pub(crate) fn next_request(&mut self) -> Option<Event> {
        let index = self.wishes.iter().position(|wish| self.may_send(wish))?;
        let (event, answer) = self.request(self.wishes[index].what);
        self.wishes[index].state = State::Sent(answer);
        Some(event)
    }

    /// What was sent and not answered has to be asked again. Who wanted a redrive looks first whether it came to be.
    pub(crate) fn lose_connection(&mut self, witness: &Witness) {
        let load = self.load;
        for wish in &mut self.wishes {
            if matches!(wish.state, State::Sent(_)) {
                let is_redriven = match wish.what {
                    What::Redrive(index) => witness.redrives(&arn(load, &load.starts[index])) > 0,
                    _ => false,
                };
                wish.state = if is_redriven { State::Answered } else { State::Unsent };
            }
        }
    }

    /// Takes in the answers; gives those that no client should get, for instance of what is not on disk.
    pub(crate) fn hear(&mut self, witness: &Witness) -> Vec<String> {
        let mut violations = Vec::new();
        let load = self.load;
        for wish in &mut self.wishes {
            let State::Sent(answer) = &mut wish.state else { continue };
            match answer() {
                // It exists already if the first answer was lost and it has ended meanwhile.
                // What succeeded is not redriven.
                Ok(
                    Ok(())
                    | Err(
                        Error::ExecutionAlreadyExists { .. }
                        | Error::ExecutionNotRedrivable { reason: SUCCEEDED },
                    ),
                ) => {
                    wish.state = State::Answered;
                    if !is_durable(load, wish.what, witness) {
                        let what = wish.what;
                        violations.push(format!("{what:?} was answered before it was committed"));
                    }
                }
                Ok(Err(error)) => violations.push(format!("{:?} was refused: {error}", wish.what)),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Closed) => {
                    violations.push(format!("{:?} was never answered", wish.what));
                }
            }
        }
        violations
    }

    /// A start waits for its state machine, a stop for its execution.
    fn may_send(&self, wish: &Wish) -> bool {
        let before = match wish.what {
            What::Create(_) => None,
            What::Start(index) => Some(What::Create(self.load.starts[index].machine)),
            What::Stop(index) | What::Wait(index) => Some(What::Start(index)),
            What::Redrive(index) => Some(What::Wait(index)),
            What::WaitAgain(index) => Some(What::Redrive(index)),
        };
        let is_answered = |what| {
            let answered = |wish: &Wish| matches!(wish.state, State::Answered);
            self.wishes.iter().any(|wish| wish.what == what && answered(wish))
        };
        matches!(wish.state, State::Unsent) && before.is_none_or(is_answered)
    }

    fn request(&self, what: What) -> (Event, Answer) {
        match what {
            What::Create(index) => create(&self.load.machines[index]),
            What::Start(index) => self.start(&self.load.starts[index]),
            What::Stop(index) => self.stop(&self.load.starts[index]),
            What::Wait(index) | What::WaitAgain(index) => self.wait(&self.load.starts[index]),
            What::Redrive(index) => self.redrive(&self.load.starts[index]),
        }
    }

    fn start(&self, start: &load::StartRequest) -> (Event, Answer) {
        let request = StartRequest {
            qualifier: None,
            state_machine: self.load.machines[start.machine].name.clone(),
            name: Some(start.name.clone()),
            input: start.input.clone(),
            data: Payload::parse(&start.input).expect("the input is JSON"),
            limits: Limits::None,
        };
        let (reply, answer) = channel();
        (Event::Start { request, reply }, answer)
    }

    fn stop(&self, start: &load::StartRequest) -> (Event, Answer) {
        let (reply, answer) = channel();
        let event = Event::Stop {
            state_machine: self.load.machines[start.machine].name.clone(),
            name: start.name.clone(),
            error: Some("Enough".to_owned()),
            cause: None,
            reply,
        };
        (event, answer)
    }

    fn redrive(&self, start: &load::StartRequest) -> (Event, Answer) {
        let (reply, answer) = channel();
        let request = RedriveRequest {
            state_machine: self.load.machines[start.machine].name.clone(),
            name: start.name.clone(),
            token: None,
            start: None,
            at_any_age: true,
        };
        (Event::Redrive { request, reply }, answer)
    }

    fn wait(&self, start: &load::StartRequest) -> (Event, Answer) {
        let (reply, answer) = channel();
        let state_machine = self.load.machines[start.machine].name.clone();
        (Event::Wait { state_machine, name: start.name.clone(), reply }, answer)
    }
}

/// Whether the disk knows of what the client heard.
fn is_durable(load: &Load, what: What, witness: &Witness) -> bool {
    let status = |index: usize| witness.status(&arn(load, &load.starts[index]));
    match what {
        What::Create(index) => witness.has_state_machine(&load.machines[index].name),
        What::Start(index) => status(index).is_some(),
        What::Stop(index) | What::WaitAgain(index) => {
            status(index).is_some_and(|status| !status.is_running())
        }
        // An end that was waited for may be followed by a redrive.
        What::Wait(index) | What::Redrive(index) => {
            status(index).is_some_and(|status| !status.is_running())
                || witness.redrives(&arn(load, &load.starts[index])) > 0
        }
    }
}

fn arn(load: &Load, start: &load::StartRequest) -> String {
    arns().execution(&load.machines[start.machine].name, &start.name)
}

fn create(machine: &Machine) -> (Event, Answer) {
    let (parsed, diagnostics) = parse(&machine.definition);
    let parsed = parsed.unwrap_or_else(|| panic!("{diagnostics:?} in {}", machine.definition));
    let definition =
        Definition { text: machine.definition.as_str().into(), machine: Arc::new(parsed) };
    let (reply, answer) = channel();
    let name = machine.name.clone();
    (
        Event::CreateStateMachine {
            name,
            definition,
            role_arn: None,
            configuration: stepwell_engine::Configuration::default(),
            reply,
        },
        answer,
    )
}

fn channel<T: 'static>() -> (oneshot::Sender<Result<T, Error>>, Answer) {
    let (reply, mut answer) = oneshot::channel();
    (reply, Box::new(move || answer.try_recv().map(|answer| answer.map(drop))))
}
