//! Which variables and functions an expression names.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::reads::{Reads, is_plain, paths_read};

/// The names in an expression.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Variables that it reads and does not bind itself, each once, and what it reads of them.
    pub(super) variables: Vec<(String, Reads)>,
    /// What it reads of the context that the expression as a whole is evaluated in, each once.
    pub(super) context: Vec<String>,
    /// Whether a function is named that draws random bits.
    pub(super) draws: bool,
    /// Whether something is read of a context that is not told apart here: that of a function's body, or what a
    /// function takes where an argument is left out.
    hidden: bool,
}

/// The functions that draw random bits.
const DRAWING: &[&str] = &["random", "shuffle", "uuid"];

impl Names {
    pub(super) fn of(tree: &AstNode) -> Self {
        Self::within(&[], tree)
    }

    /// The names in a part of an expression that binds `bound` around it.
    pub(super) fn within(bound: &[String], tree: &AstNode) -> Self {
        let mut walk =
            Walk { names: Self::default(), bound: bound.to_vec(), inner: false, climbs: false };
        walk.node(tree);
        if walk.climbs {
            walk.names.variables.iter_mut().for_each(|(_, reads)| *reads = Reads::Whole);
        }
        walk.names.hidden |= walk.climbs;
        walk.names
    }

    /// The fields that the expression reads of its context, if it can be told and they are not all.
    pub(super) fn fields_of_context(self) -> Option<Vec<String>> {
        let whole = self.hidden || self.context.iter().any(|name| WHOLE.contains(&name.as_str()));
        (!whole).then_some(self.context)
    }
}

/// Reads of a context as a whole. A field can be called so too, which then is copied in vain.
const WHOLE: &[&str] = &["$", "$$", "*", "**"];

/// Functions that read their arguments alone, if they are given one: no context in place of one that is left out,
/// and no function that is called. Of every other it is taken that it reads the context.
const OF_ARGUMENTS: &[&str] = &[
    "append", "average", "boolean", "count", "distinct", "exists", "max", "merge", "min", "not",
    "reverse", "sum", "type", "zip",
];

struct Walk {
    names: Names,
    /// What is bound around the current node, the innermost last.
    bound: Vec<String>,
    /// Whether the context is another than that of the whole expression, or may be.
    inner: bool,
    /// Whether a parent operator (`%`) occurs, which sees more than the path before it names.
    climbs: bool,
}

impl Walk {
    fn read_context(&mut self, name: &str) {
        if !self.inner && !self.names.context.iter().any(|known| known == name) {
            self.names.context.push(name.to_owned());
        }
    }

    /// Where each item is the context in turn.
    fn in_items(&mut self, walk: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.inner, true);
        walk(self);
        self.inner = outside;
    }

    /// Reads what stands behind `path` in a variable.
    fn read(&mut self, name: &str, path: &[String]) {
        self.names.draws |= DRAWING.contains(&name);
        if self.bound.iter().any(|bound| bound == name) {
            return;
        }
        let variables = &mut self.names.variables;
        let known = variables.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            variables.push((name.to_owned(), Reads::none()));
            variables.len() - 1
        });
        variables[known].1.add(path);
    }

    /// What is bound within a block or a function is unknown behind it.
    fn scoped(&mut self, walk: impl FnOnce(&mut Self)) {
        let outside = self.bound.len();
        walk(self);
        self.bound.truncate(outside);
    }

    fn nodes<'t>(&mut self, nodes: impl IntoIterator<Item = &'t AstNode>) {
        nodes.into_iter().for_each(|node| self.node(node));
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)]) {
        self.nodes(pairs.iter().flat_map(|(name, value)| [name, value]));
    }

    fn node(&mut self, node: &AstNode) {
        match node {
            AstNode::Variable(name) if name.is_empty() => self.read_context("$"),
            AstNode::Variable(name) => self.read(name, &[]),
            AstNode::Name(name) => self.read_context(name),
            AstNode::Wildcard => self.read_context("*"),
            AstNode::Descendant => self.read_context("**"),
            AstNode::ParentVariable(_) => {
                let outside = std::mem::replace(&mut self.inner, false);
                self.read_context("$$");
                self.inner = outside;
            }
            AstNode::Function { name, args, .. } => {
                self.names.draws |= DRAWING.contains(&name.as_str());
                self.names.hidden |= args.is_empty()
                    || !OF_ARGUMENTS.contains(&name.as_str())
                    || self.bound.contains(name);
                self.nodes(args);
            }
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => self.bind(lhs, rhs),
            AstNode::Binary { op, lhs, rhs } => {
                self.names.hidden |= *op == BinaryOp::ChainPipe;
                self.nodes([&**lhs, &**rhs]);
            }
            AstNode::Path { steps } => self.scoped(|walk| walk.steps(steps)),
            AstNode::Lambda { params, body, .. } => self.scoped(|walk| {
                walk.names.hidden = true;
                walk.bound.extend_from_slice(params);
                walk.in_items(|walk| walk.node(body));
            }),
            AstNode::Block(nodes) => self.scoped(|walk| walk.nodes(nodes)),
            AstNode::Array(nodes) | AstNode::ArrayGroup(nodes) => self.nodes(nodes),
            AstNode::Object(pairs) => self.pairs(pairs),
            AstNode::ObjectTransform { input, pattern } => self.scoped(|walk| {
                walk.input(input);
                walk.in_items(|walk| walk.pairs(pattern));
            }),
            AstNode::Unary { operand: inner, .. } | AstNode::FunctionApplication(inner) => {
                self.node(inner);
            }
            AstNode::Call { procedure, args } => {
                self.names.hidden = true;
                self.node(procedure);
                self.nodes(args);
            }
            AstNode::Conditional { condition, then_branch, else_branch } => {
                self.nodes([&**condition, &**then_branch]);
                self.nodes(else_branch.as_deref());
            }
            AstNode::Sort { input, terms } => self.scoped(|walk| {
                walk.input(input);
                walk.in_items(|walk| walk.nodes(terms.iter().map(|(term, _)| term)));
            }),
            AstNode::Transform { location, update, delete } => self.in_items(|walk| {
                walk.names.hidden = true;
                walk.nodes([&**location, &**update]);
                walk.nodes(delete.as_deref());
            }),
            AstNode::Parent(_) => self.climbs = true,
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. } => {}
        }
    }

    /// A function may call itself, so that it is bound before what it is bound to is looked at.
    fn bind(&mut self, target: &AstNode, value: &AstNode) {
        let AstNode::Variable(name) = target else { return self.nodes([target, value]) };
        if matches!(value, AstNode::Lambda { .. }) {
            self.bound.push(name.clone());
            self.node(value);
        } else {
            self.node(value);
            self.bound.push(name.clone());
        }
    }

    /// What a path in front of a sort or a grouping binds is known in these.
    fn input(&mut self, input: &AstNode) {
        match input {
            AstNode::Path { steps } => self.steps(steps),
            other => self.node(other),
        }
    }

    /// The first step is evaluated in the context of the path, the others in what came before.
    fn steps(&mut self, steps: &[PathStep]) {
        let Some((first, others)) = steps.split_first() else { return };
        match &first.node {
            AstNode::Variable(name) if !name.is_empty() && is_plain(first) => {
                for path in paths_read(steps, &self.bound) {
                    self.read(name, &path);
                }
            }
            _ => self.step(first),
        }
        self.in_items(|walk| others.iter().for_each(|step| walk.step(step)));
    }

    /// What a step binds (`@$`, `#$`) is known in its filters and in the steps behind it.
    fn step(&mut self, step: &PathStep) {
        self.node(&step.node);
        self.bound.extend(step.focus.iter().chain(&step.index_var).cloned());
        for stage in &step.stages {
            match stage {
                Stage::Filter(filter) => self.in_items(|walk| walk.node(filter)),
                Stage::Index(name) => self.bound.push(name.clone()),
                Stage::KeepArray => {}
            }
        }
    }
}
