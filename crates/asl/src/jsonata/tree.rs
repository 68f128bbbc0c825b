//! The parsed tree, walked from the leaves up.

use jsonata_core::ast::{AstNode, PathStep, Stage};

/// Lets `change` look at every node, children before parents.
pub(super) fn rewrite(node: &mut AstNode, change: &mut dyn FnMut(&mut AstNode)) {
    jsonata_core::value::with_stack(|| {
        children(node, &mut |child| rewrite(child, change));
        change(node);
    });
}

/// The nodes right below a node.
fn children(node: &mut AstNode, visit: &mut dyn FnMut(&mut AstNode)) {
    match node {
        AstNode::Path { steps } => steps.iter_mut().for_each(|step| in_step(step, visit)),
        AstNode::Binary { lhs, rhs, .. } => [lhs, rhs].into_iter().for_each(|side| visit(side)),
        AstNode::Unary { operand: inner, .. }
        | AstNode::FunctionApplication(inner)
        | AstNode::Lambda { body: inner, .. } => visit(inner),
        AstNode::Function { args: nodes, .. }
        | AstNode::Array(nodes)
        | AstNode::ArrayGroup(nodes)
        | AstNode::Block(nodes) => nodes.iter_mut().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter_mut().for_each(visit);
        }
        AstNode::Object(pairs) => in_pairs(pairs, visit),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            in_pairs(pattern, visit);
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            visit(condition);
            visit(then_branch);
            if let Some(branch) = else_branch {
                visit(branch);
            }
        }
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter_mut().map(|(term, _)| term).for_each(visit);
        }
        AstNode::Transform { location, update, delete } => {
            visit(location);
            visit(update);
            if let Some(delete) = delete {
                visit(delete);
            }
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn in_step(step: &mut PathStep, visit: &mut dyn FnMut(&mut AstNode)) {
    visit(&mut step.node);
    for stage in &mut step.stages {
        if let Stage::Filter(filter) = stage {
            visit(filter);
        }
    }
    // What the library compiled for the step as it was must not be taken for the step as it is.
    step.id = jsonata_core::ast::StepId::default();
}

fn in_pairs(pairs: &mut [(AstNode, AstNode)], visit: &mut dyn FnMut(&mut AstNode)) {
    for (name, value) in pairs {
        visit(name);
        visit(value);
    }
}
