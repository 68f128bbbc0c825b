//! The eight state types.

use super::allowed::{self, Fields};
use super::graph::Scope;
use super::place::{Object, Place};
use super::source::{Field, Shape};
use super::{Checker, fields};
use crate::diagnostic::Code;
use crate::jsonpath::{Path, ReferencePath, Root};
use crate::model::{
    Choice, DataFlow, Dynamic, Fail, Flow, FlowFields, Given, Items, Map, Parallel, Pass, Payload,
    QueryFlow, StateId, StateKind, Succeed, Task, Text, Wait, WaitUntil,
};
use crate::suggest;

/// The largest percentage.
const PERCENTAGE_MAX: u64 = 100;

impl<'t> Checker<'t> {
    pub(super) fn state_kind(
        &mut self,
        place: &Place<'t>,
        scope: &mut Scope<'t>,
    ) -> Option<StateKind> {
        let Some((object, state_type, fields)) = self.state_type(place) else {
            scope.leads_somewhere();
            return None;
        };
        let around = self.enter_state(&object, state_type);
        self.comment(&object);
        self.check_fields(&object, fields);
        let kind = match state_type {
            "Pass" => self.pass(&object, scope).map(StateKind::Pass),
            "Task" => self.task(&object, scope).map(StateKind::Task),
            "Choice" => self.choice_state(&object, scope).map(StateKind::Choice),
            "Wait" => self.wait(&object, scope).map(StateKind::Wait),
            "Succeed" => Some(StateKind::Succeed(self.succeed(&object, scope))),
            "Fail" => Some(StateKind::Fail(self.fail(&object, scope))),
            "Parallel" => self.parallel(&object, scope).map(StateKind::Parallel),
            _ => self.map(&object, scope).map(StateKind::Map),
        };
        self.current = around;
        kind
    }

    fn state_type(&mut self, place: &Place<'t>) -> Option<(Object<'t>, &'t str, Fields)> {
        let object = self.object(place)?;
        self.require(&object, &["Type"]);
        let type_place = object.get("Type")?;
        let state_type = self.string(&type_place)?;
        if let Some(fields) = allowed::fields_of(state_type) {
            return Some((object, state_type, fields));
        }
        let types: Vec<&str> = allowed::state_types().collect();
        let message =
            format!("The field 'Type' should have one of these values: [{}]", types.join(", "));
        let meant = suggest::closest(state_type, types);
        self.findings
            .value(Code::InvalidValue, &type_place, message)
            .maybe_help(meant.map(|meant| format!("did you mean `{meant}`?")));
        None
    }

    fn flow(&mut self, object: &Object<'t>) -> Flow {
        let fields = if self.is_jsonata() {
            FlowFields::Jsonata(QueryFlow {
                arguments: self.query(object, "Arguments"),
                output: self.query(object, "Output"),
            })
        } else {
            FlowFields::JsonPath(Box::new(self.data_flow(object)))
        };
        Flow { fields, assign: self.assign(object) }
    }

    fn data_flow(&mut self, object: &Object<'t>) -> DataFlow {
        DataFlow {
            input_path: self.selector(object, "InputPath"),
            parameters: self.template(object, "Parameters"),
            result_selector: self.template(object, "ResultSelector"),
            result_path: self.result_path(object),
            output_path: self.selector(object, "OutputPath"),
        }
    }

    fn pass(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Option<Pass> {
        let flow = self.flow(object);
        let result = object.get("Result").map(|place| {
            self.warn_of_static_result(&place);
            place.node.to_value().into()
        });
        let transition = self.transition(object, scope)?;
        Some(Pass { flow, result, transition })
    }

    fn task(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Option<Task> {
        self.require(object, &["Resource"]);
        let flow = self.flow(object);
        let resource = object.get("Resource").and_then(|place| self.resource(&place));
        let given = self.given(object);
        let credentials = self.credentials(object);
        let timeout = self.or_path(object, "TimeoutSeconds", "TimeoutSecondsPath", Self::seconds);
        let heartbeat =
            self.or_path(object, "HeartbeatSeconds", "HeartbeatSecondsPath", Self::seconds);
        self.check_heartbeat(object, timeout.as_ref(), heartbeat.as_ref());
        let retry = self.retry(object);
        let catch = self.catch(object, scope);
        let transition = self.transition(object, scope);
        let (resource, resource_at) = resource?;
        let transition = transition?;
        Some(Task {
            flow,
            resource,
            given,
            credentials,
            resource_at,
            timeout,
            heartbeat,
            retry,
            catch,
            transition,
        })
    }

    /// The members of `Parameters` or `Arguments`.
    fn given(&self, object: &Object<'t>) -> Option<Given> {
        let place = object.get(if self.is_jsonata() { "Arguments" } else { "Parameters" })?;
        let Shape::Object(fields) = &place.node.shape else { return None };
        let member = |field: &'t Field| {
            let dynamic = field.name.strip_suffix(".$").filter(|_| !self.is_jsonata());
            (dynamic.unwrap_or(&field.name).into(), place.field(field).written_name())
        };
        Some(Given { at: place.written_name(), members: fields.iter().map(member).collect() })
    }

    /// `Credentials`: an object with a `RoleArn`, which may be dynamic.
    fn credentials(&mut self, object: &Object<'t>) -> Option<Payload> {
        let credentials = object.get("Credentials").and_then(|place| self.object(&place))?;
        self.check_fields(&credentials, allowed::CREDENTIALS);
        if !credentials.has("RoleArn") && (self.is_jsonata() || !credentials.has("RoleArn.$")) {
            let message = "The field 'RoleArn' is required but was missing";
            self.findings.object(Code::MissingField, &credentials.place, message);
        }
        if self.is_jsonata() {
            return self.query(object, "Credentials").map(Payload::Jsonata);
        }
        self.template(object, "Credentials").map(Payload::JsonPath)
    }

    fn check_heartbeat(
        &mut self,
        object: &Object<'t>,
        timeout: Option<&Dynamic<u64>>,
        heartbeat: Option<&Dynamic<u64>>,
    ) {
        if let (Some(Dynamic::Literal(timeout)), Some(Dynamic::Literal(heartbeat))) =
            (timeout, heartbeat)
            && heartbeat >= timeout
            && let Some(place) = object.get("HeartbeatSeconds")
        {
            let message = "HeartbeatSeconds must be less than TimeoutSeconds";
            self.findings.value(Code::OutOfRange, &place, message);
        }
    }

    fn choice_state(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Option<Choice> {
        self.require(object, &["Choices"]);
        let flow = self.flow(object);
        let choices = self.choices(object, scope);
        let default = object.get("Default").map(|place| self.next(&place, scope));
        Some(Choice { flow, choices: choices?, default: default.unwrap_or(None) })
    }

    fn wait(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Option<Wait> {
        let flow = self.flow(object);
        let forms: &[&str] = if self.is_jsonata() {
            &["Seconds", "Timestamp"]
        } else {
            &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"]
        };
        let until = self.one_of(object, forms, true).and_then(|place| self.wait_until(&place));
        let transition = self.transition(object, scope);
        Some(Wait { flow, until: until?, transition: transition? })
    }

    fn wait_until(&mut self, place: &Place<'t>) -> Option<WaitUntil> {
        match place.field_name() {
            "Seconds" => self
                .literal_or_query(place, |this, place| this.integer(place, 0, fields::SECONDS_MAX))
                .map(WaitUntil::Seconds),
            "Timestamp" => self
                .literal_or_query(place, |this, place| {
                    this.timestamp(place)?;
                    this.string(place).map(str::to_owned)
                })
                .map(WaitUntil::Timestamp),
            "SecondsPath" => {
                let path = self.reference_path(place)?;
                Some(WaitUntil::Seconds(Dynamic::Path(path.into_path())))
            }
            _ => {
                let path = self.reference_path(place)?;
                Some(WaitUntil::Timestamp(Dynamic::Path(path.into_path())))
            }
        }
    }

    fn succeed(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Succeed {
        scope.may_end();
        Succeed { flow: self.flow(object) }
    }

    fn fail(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Fail {
        scope.may_end();
        let error = self.text(object, "Error", "ErrorPath");
        let cause = self.text(object, "Cause", "CausePath");
        Fail { error, cause, is_jsonpath: !self.is_jsonata() }
    }

    /// A text, or its `...Path` twin.
    fn text(&mut self, object: &Object<'t>, literal: &str, path: &str) -> Option<Text> {
        let place = self.one_of(object, &[literal, path], false)?;
        if place.field_name() != literal {
            return self.text_expression(&place).map(Text::Dynamic);
        }
        if self.is_expression(&place) {
            return self.query_at(&place).map(Text::Query);
        }
        self.warn_of_literal_path(&place, path);
        self.string(&place).map(|text| Text::Literal(text.to_owned()))
    }

    fn parallel(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Option<Parallel> {
        self.require(object, &["Branches"]);
        let flow = self.flow(object);
        let branches = object.get("Branches").and_then(|place| self.branches(&place));
        let retry = self.retry(object);
        let catch = self.catch(object, scope);
        let transition = self.transition(object, scope);
        Some(Parallel { flow, branches: branches?, retry, catch, transition: transition? })
    }

    fn branches(&mut self, place: &Place<'t>) -> Option<Vec<StateId>> {
        let items = self.non_empty_array(place)?;
        let starts: Vec<_> = items
            .iter()
            .map(|item| {
                let object = self.object(item)?;
                self.check_fields(&object, allowed::BRANCH);
                self.comment(&object);
                self.scope(&object)
            })
            .collect();
        starts.into_iter().collect()
    }

    fn map(&mut self, object: &Object<'t>, scope: &mut Scope<'t>) -> Option<Map> {
        let mut flow = self.flow(object);
        let item_selector = self.item_selector(object, &mut flow.fields);
        let items = self.items(object);
        let tolerated_count = self.or_path(
            object,
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            |this, place| this.integer(place, 0, u64::from(u32::MAX)),
        );
        let tolerated_percentage = self.or_path(
            object,
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
            |this, place| this.number(place, PERCENTAGE_MAX),
        );
        let max_concurrency =
            self.or_path(object, "MaxConcurrency", "MaxConcurrencyPath", Self::concurrency);
        let processor = self
            .one_of(object, &["ItemProcessor", "Iterator"], true)
            .map(|place| self.item_processor(&place));
        let (start_at, children) = processor.unwrap_or_default();
        let distributed = self.distributed(object, children);
        let retry = self.retry(object);
        let catch = self.catch(object, scope);
        let transition = self.transition(object, scope);
        Some(Map {
            flow,
            items,
            item_selector,
            tolerated_count,
            tolerated_percentage,
            distributed,
            max_concurrency: max_concurrency.unwrap_or(Dynamic::Literal(0)),
            start_at: start_at?,
            retry,
            catch,
            transition: transition?,
        })
    }

    fn concurrency(&mut self, place: &Place<'t>) -> Option<u32> {
        let concurrency = self.integer(place, 0, u64::from(u32::MAX))?;
        u32::try_from(concurrency).ok()
    }

    /// `ItemSelector`, or `Parameters`, its older name.
    fn item_selector(&mut self, object: &Object<'t>, flow: &mut FlowFields) -> Option<Payload> {
        let FlowFields::JsonPath(flow) = flow else {
            return self.query(object, "ItemSelector").map(Payload::Jsonata);
        };
        self.one_of(object, &["ItemSelector", "Parameters"], false);
        let parameters = flow.parameters.take();
        self.template(object, "ItemSelector").or(parameters).map(Payload::JsonPath)
    }

    /// `Items` or `ItemsPath`.
    fn items(&mut self, object: &Object<'t>) -> Items {
        if !self.is_jsonata() {
            return Items::Path(self.items_path(object));
        }
        let Some(place) = object.get("Items") else { return Items::Query(None) };
        let is_array = matches!(place.node.shape, Shape::Array(_));
        if is_array || self.is_expression(&place) {
            return Items::Query(self.query_at(&place));
        }
        Items::Query(self.wrong_type(&place, "an array"))
    }

    /// `ItemsPath`: a reference path, here on the context object too.
    fn items_path(&mut self, object: &Object<'t>) -> Path {
        let Some(place) = object.get("ItemsPath") else { return Path::root() };
        let Some(path) = self.path(&place) else { return Path::root() };
        if *path.start() != Root::Context && ReferencePath::new(path.clone()).is_none() {
            self.not_a_reference_path(&place);
        }
        path
    }
}
