//! The gateway: what it refuses, and that a tool which panics or hangs hurts nobody else.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod common;

use autoos_kernel::{
    tool::{Catalog, ToolSpec},
    words::{EffectClass, TrustLevel},
};
use autoos_tools::{Failure, Outcome, Registry, Tool, ToolCall, ToolGateway, ToolResult};
use common::call;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A tool that does as the test says.
struct Scripted<F> {
    spec: ToolSpec,
    work: F,
}

impl<F: Fn(&ToolCall) -> Result<ToolResult, Failure> + Send + Sync + 'static> Scripted<F> {
    fn new(name: &str, effect: EffectClass, timeout_ms: u64, work: F) -> Arc<Self> {
        let spec = ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            arguments: json!({
                "type": "object",
                "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["path"],
                "additionalProperties": false,
            }),
            trust: TrustLevel::Vetted,
            effect,
            reads: false,
            timeout_ms,
        };
        Arc::new(Self { spec, work })
    }
}

impl<F: Fn(&ToolCall) -> Result<ToolResult, Failure> + Send + Sync + 'static> Tool for Scripted<F> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: &ToolCall) -> Result<ToolResult, Failure> {
        (self.work)(call)
    }

    fn outcome(&self, _call: &ToolCall) -> Outcome {
        Outcome::NotDone
    }
}

fn ok() -> Result<ToolResult, Failure> {
    Ok(ToolResult { output: json!("done"), bytes_read: 0 })
}

/// Something that threads wait at until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.changed.wait(open).unwrap();
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

/// Opens the gate when the test ends, also by a failed assertion: no thread is left waiting.
struct Opened(Arc<Gate>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_what_does_not_fit() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let tool = Scripted::new("test.count", EffectClass::Pure, 1000, move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        ok()
    });
    let registry = Registry::builder().without_builtin().with_tool(tool).build().unwrap();
    let unknown = registry.call(call("test.other", json!({}))).await.unwrap_err();
    assert_eq!(unknown, Failure::Unknown("test.other".to_owned()));
    for (args, said) in [
        (json!({}), r#"test.count: arguments: "path" is missing"#),
        (json!({"path": "a", "file": "b"}), "test.count: arguments: no such argument: file"),
        (json!({"path": 1}), r#"test.count: path: value is not of type "string""#),
        (json!([]), r#"test.count: arguments: value is not of type "object""#),
        (Value::Null, r#"test.count: arguments: value is not of type "object""#),
    ] {
        let failure = registry.call(call("test.count", args)).await.unwrap_err();
        assert_eq!(failure, Failure::Invalid(said.to_owned()));
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0, "nothing ran");
    registry.call(call("test.count", json!({"path": "a"}))).await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn is_a_catalog() {
    let tool = Scripted::new("test.one", EffectClass::Pure, 1000, |_| ok());
    let registry = Registry::builder().with_tool(tool).build().unwrap();
    assert!(registry.tool("test.one").is_some() && registry.tool("test.two").is_none());
    let names: Vec<&str> = registry.tools().iter().map(|spec| spec.name.as_str()).collect();
    assert!(names.is_sorted() && names.contains(&"fs.read"), "{names:?}");
    assert!(registry.check_args("test.one", &json!({}), &[]).is_err());
    assert_eq!(registry.check_args("test.one", &json!({}), &["path"]), Ok(()));
    let said = registry.check_args("test.two", &json!({}), &[]).unwrap_err();
    assert_eq!(said, r#"no tool is called "test.two""#);
    let again = Scripted::new("test.one", EffectClass::Pure, 1000, |_| ok());
    let first = Scripted::new("test.one", EffectClass::Pure, 1000, |_| ok());
    let error = Registry::builder().with_tool(first).with_tool(again).build().unwrap_err();
    assert_eq!(error.to_string(), "two tools are called test.one; rename one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_one_call() {
    let tool = Scripted::new("test.panic", EffectClass::Pure, 1000, |call| {
        assert_ne!(call.args["path"], json!("bad"), "it cannot be");
        ok()
    });
    let registry = Registry::builder().without_builtin().with_tool(tool).build().unwrap();
    for _ in 0..100 {
        let crashed = registry.call(call("test.panic", json!({"path": "bad"}))).await.unwrap_err();
        assert!(matches!(&crashed, Failure::Crashed(text) if text.contains("it cannot be")));
    }
    registry.call(call("test.panic", json!({"path": "good"}))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_tools_use_up_permits_and_not_threads() {
    let gate = Arc::new(Gate::default());
    let _opened = Opened(Arc::clone(&gate));
    let begun = Arc::new(AtomicUsize::new(0));
    let tool = {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        Scripted::new("test.hang", EffectClass::Pure, 30, move |_| {
            begun.fetch_add(1, Ordering::SeqCst);
            gate.pass();
            ok()
        })
    };
    let registry =
        Registry::builder().without_builtin().parallel(2).with_tool(tool).build().unwrap();
    let hang = || registry.call(call("test.hang", json!({"path": "a"})));
    // On a busy machine a call may time out before its thread begins; then it never does.
    while begun.load(Ordering::SeqCst) < 2 {
        hang().await.unwrap_err();
    }
    let calls: Vec<_> = (0..20).map(|_| hang()).collect();
    for end in futures::future::join_all(calls).await {
        assert!(matches!(end, Err(Failure::Unavailable(_))), "{end:?}");
    }
    assert_eq!(begun.load(Ordering::SeqCst), 2, "no thread beyond the permits");

    gate.open();
    // The permits come back with the threads: both, or two calls could not end well at once.
    let both = async { while futures::future::join(hang(), hang()).await != (ok(), ok()) {} };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("both permits came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_thread_does_not_begin_once_it_is_stopped() {
    let gate = Arc::new(Gate::default());
    let _opened = Opened(Arc::clone(&gate));
    let begun = Arc::new(Mutex::new(Vec::new()));
    let tool = {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        Scripted::new("test.effect", EffectClass::Effectful, 60_000, move |call| {
            begun.lock().unwrap().push(call.idempotency_key.clone().unwrap());
            gate.pass();
            ok()
        })
    };
    let registry =
        Registry::builder().without_builtin().parallel(1).with_tool(tool).build().unwrap();
    let effect = |key: &str| common::keyed("test.effect", json!({"path": "a"}), key);
    let mut first = registry.call(effect("first"));
    let (waiting, other) = (effect("waiting"), effect("other"));
    let stop = waiting.stop.clone();
    let (mut waiting, mut other) = (registry.call(waiting), registry.call(other));
    for call in [&mut first, &mut waiting, &mut other] {
        assert!(futures::poll!(call).is_pending(), "the first takes the only thread");
    }
    stop.set();
    gate.open();
    assert_eq!(first.await, ok());
    let refused = waiting.await.unwrap_err();
    assert!(matches!(refused, Failure::Denied(_)), "{refused:?}");
    assert_eq!(other.await, ok(), "the word is to the calls of one workflow alone");
    assert_eq!(*begun.lock().unwrap(), ["first", "other"]);
    // That it never took place can be told.
    let stopped = ToolCall { stop, ..effect("waiting") };
    assert_eq!(registry.outcome(stopped).await, Outcome::NotDone);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effectful_call_has_a_key_and_holds_it() {
    let gate = Arc::new(Gate::default());
    let _opened = Opened(Arc::clone(&gate));
    let begun = Arc::new(AtomicUsize::new(0));
    let tool = {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        Scripted::new("test.effect", EffectClass::Effectful, 30, move |_| {
            begun.fetch_add(1, Ordering::SeqCst);
            gate.pass();
            ok()
        })
    };
    let registry = Registry::builder().without_builtin().with_tool(tool).build().unwrap();
    let keyless = call("test.effect", json!({"path": "a"}));
    let refused = registry.call(keyless).await.unwrap_err();
    assert!(matches!(&refused, Failure::Invalid(text) if text.contains("idempotency key")));

    let keyed = common::keyed("test.effect", json!({"path": "a"}), "key-1");
    while begun.load(Ordering::SeqCst) == 0 {
        registry.call(keyed.clone()).await.unwrap_err();
    }
    // Its thread may still do it: neither a second try nor "not done" would be right.
    let again = registry.call(keyed.clone()).await.unwrap_err();
    assert!(matches!(again, Failure::Unavailable(_)), "{again:?}");
    assert_eq!(registry.outcome(keyed.clone()).await, Outcome::Unknown);

    gate.open();
    let settled = async {
        while registry.outcome(keyed.clone()).await == Outcome::Unknown {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.expect("the key came free");
    let done = async { while registry.call(keyed.clone()).await != ok() {} };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("the key is good again");
}
