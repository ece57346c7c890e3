//! An attempt that calls a tool.

use super::{
    Assignment, Input, Job, Product,
    actor::{Miss, Report},
};
use crate::inputs::Found;
use autoos_kernel::{
    ladder::{Exit, FailureClass},
    plan::Work,
};
use autoos_tools::{Failure, Outcome, ToolCall, ToolGateway as _};
use serde_json::{Map, Value};
use std::time::Instant;

pub(super) async fn work(assignment: &Assignment) -> Report {
    let (began, call) = (Instant::now(), call(assignment));
    let name = call.as_ref().ok().map(|call| call.tool.clone());
    let end = match call {
        Ok(call) => run(assignment, call).await,
        Err(miss) => Err(miss),
    };
    // Tools are free of charge; what they cost elsewhere is theirs to report.
    let report = Report { end, cost: Some(0), tokens: (0, 0) };
    if let Some(name) = name {
        assignment.counts.called(&name, &report, began.elapsed());
    }
    report
}

/// The call that an assignment asks for.
pub(crate) fn call(assignment: &Assignment) -> Result<ToolCall, Miss> {
    let no_tool = || Miss::failed(FailureClass::Invalid, "this step calls no tool");
    let Job::Step { written, inputs, reads, effectful, .. } = &assignment.job else {
        return Err(no_tool());
    };
    let Work::Tool { name, args, .. } = &written.work else { return Err(no_tool()) };
    let mut args = args.clone();
    for Input { name, found, .. } in inputs {
        if let Some(found) = found {
            args.insert(name.clone(), plain(found));
        }
    }
    if let Some(found) = reads {
        insert_read(&mut args, found);
    }
    Ok(ToolCall {
        tool: name.clone(),
        args: Value::Object(args),
        idempotency_key: effectful.then(|| assignment.key.clone()),
        deadline: Some(assignment.deadline),
        granted: assignment.brief.files(),
        stop: assignment.stop.clone(),
    })
}

fn plain(found: &Found) -> Value {
    match found {
        Found::Value(value) => (**value).clone(),
        Found::File(path) => Value::String(path.display().to_string()),
    }
}

/// A file is read by its path, everything else as text.
fn insert_read(args: &mut Map<String, Value>, found: &Found) {
    match found {
        Found::File(path) => args.insert("path".into(), path.display().to_string().into()),
        Found::Value(value) => match value.as_str() {
            Some(text) => args.insert("text".into(), text.into()),
            None => args.insert("text".into(), value.to_string().into()),
        },
    };
}

async fn run(assignment: &Assignment, call: ToolCall) -> Result<Product, Miss> {
    let effectful = call.idempotency_key.is_some();
    // The last look before something outside changes: whoever comes after us may call the effect
    // unknown once the deadline is over, and so it must not be sent after that.
    if effectful && assignment.parts.clock.now() >= assignment.deadline {
        return Err(Miss::failed(FailureClass::Timeout, "its deadline passed before it was sent"));
    }
    call.stop.check().map_err(|failure| miss(&failure))?;
    let tools = &assignment.parts.tools;
    match tools.call(call.clone()).await {
        Ok(result) => Ok(product(result.output)),
        // These ends say nothing about whether the effect took place; the tool may know.
        Err(failure @ (Failure::Timeout(_) | Failure::Crashed(_))) if effectful => {
            match tools.outcome(call).await {
                Outcome::Done(result) => Ok(product(result.output)),
                Outcome::NotDone => Err(miss(&failure)),
                Outcome::Unknown => Err(Miss { exit: Exit::EffectUnknown, ..miss(&failure) }),
            }
        }
        Err(failure) => Err(miss(&failure)),
    }
}

fn product(value: Value) -> Product {
    Product { value, plan: None, trust: None }
}

fn miss(failure: &Failure) -> Miss {
    let class = match failure {
        Failure::Invalid(_) | Failure::Unknown(_) => FailureClass::Invalid,
        Failure::Denied(_) => FailureClass::Denied,
        Failure::Unavailable(_) => FailureClass::Unavailable,
        Failure::Timeout(_) => FailureClass::Timeout,
        Failure::Crashed(_) => FailureClass::Crashed,
        _ => FailureClass::Unavailable,
    };
    Miss::failed(class, failure.to_string())
}
