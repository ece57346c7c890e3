//! Programs as tools, with real processes: what they get, what they may answer, how they end, and
//! that nothing of them is left.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod common;

use autoos_kernel::words::{EffectClass, TrustLevel};
use autoos_tools::{
    BuildError, Failure, Outcome, Registry, ToolCall, ToolGateway, ToolResult,
    process::ProcessConfig,
};
use common::{call, keyed};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// A pure tool that is this shell script.
fn script(folder: &TempDir, text: &str) -> ProcessConfig {
    let path = folder.path().join("script.sh");
    std::fs::write(&path, text).unwrap();
    ProcessConfig {
        description: "A script.".into(),
        effect: EffectClass::Pure,
        directory: folder.path().to_owned(),
        timeout_ms: 20_000,
        ..ProcessConfig::new("test.run", ["/bin/sh", path.to_str().unwrap()])
    }
}

fn registry(config: ProcessConfig, data: &Path) -> Arc<Registry> {
    let builder = Registry::builder().without_builtin();
    let tool = autoos_tools::process::Process::new(config, Some(data)).unwrap();
    builder.with_tool(Arc::new(tool)).build().unwrap()
}

async fn run(config: ProcessConfig, args: Value) -> Result<Value, Failure> {
    let data = TempDir::new().unwrap();
    let ended = registry(config, data.path()).call(call("test.run", args)).await;
    ended.map(|result: ToolResult| result.output)
}

/// Whether a process is there, and is not only waiting to be forgotten.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim().starts_with('Z'))
}

/// Looks until a process is gone: it is nobody's child here, so nothing tells of its end.
async fn gone(pid: &str) {
    let gone = async {
        while alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("it is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn gets_its_arguments_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let echo = || script(&folder, "cat");
    let hostile = json!({
        "a": "$(touch hacked) `touch hacked`; touch hacked && | > < ' \" \\ \n\r\t\u{1}",
        "b": ["--help", "-rf /", "${HOME}", "%s%n", "ünï"],
        "c": {"nul": "\u{0}", "deep": [[[[]]]], "big": u64::MAX, "small": 1e-9},
    });
    assert_eq!(run(echo(), hostile.clone()).await, Ok(hostile));
    assert!(!folder.path().join("hacked").exists());
    let large = json!({"text": "x".repeat(5_000_000)});
    assert_eq!(run(echo(), large.clone()).await, Ok(large));

    let names = r#"printf '{"names": "%s"}' "$(env | cut -d= -f1 | grep -vx -e PWD -e OLDPWD -e SHLVL -e _ | sort | tr '\n' ' ')""#;
    let expected = "AUTOOS_DEADLINE_MS AUTOOS_TOOL PATH ";
    assert_eq!(run(script(&folder, names), json!({})).await, Ok(json!({"names": expected})));
    let ours = r#"printf '["%s", "%s", "%s"]' "$AUTOOS_TOOL" "$AUTOOS_KEY" "$CARGO_PKG_NAME""#;
    assert_eq!(run(script(&folder, ours), json!({})).await, Ok(json!(["test.run", "", ""])));
    let named = ProcessConfig { env: vec!["CARGO_PKG_NAME".into()], ..script(&folder, ours) };
    // Cargo sets it for tests.
    assert_eq!(run(named, json!({})).await, Ok(json!(["test.run", "", "autoos-tools"])));
    // It need not read what it gets.
    let deaf = script(&folder, "exec 0<&-; echo '\"done\"'");
    let large = json!({"text": "x".repeat(5_000_000)});
    assert_eq!(run(deaf, large).await, Ok(json!("done")));
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let end = |text: &str| run(script(&folder, text), json!({}));
    for (code, class) in
        [(64, 'i'), (65, 'i'), (69, 'u'), (75, 'u'), (77, 'd'), (1, 'c'), (139, 'c')]
    {
        let failure = end(&format!("echo '{{}}'; echo because >&2; exit {code}")).await;
        let (was, why) = match failure.unwrap_err() {
            Failure::Invalid(why) => ('i', why),
            Failure::Unavailable(why) => ('u', why),
            Failure::Denied(why) => ('d', why),
            Failure::Crashed(why) => ('c', why),
            other => panic!("{other:?}"),
        };
        assert!(was == class && why.contains(&code.to_string()), "{code}: {why}");
        assert!(why.ends_with(": because"), "{why}");
    }
    for (text, said) in [
        ("kill -9 $$", "signal 9"),
        ("kill -SEGV $$", "signal 11"),
        ("", "no document"),
        ("echo hello", "not one JSON document"),
        ("echo '{\"a\": '", "not one JSON document"),
        ("echo '{} {}'", "not one JSON document"),
        ("printf '\\377\\376'", "not one JSON document"),
        ("echo '{\"progress\": 1}'", "no document"),
    ] {
        let failure = end(text).await.unwrap_err();
        assert!(matches!(&failure, Failure::Crashed(why) if why.contains(said)), "{failure:?}");
    }
    let told =
        "i=0; while [ $i -lt 3 ]; do echo \"{\\\"progress\\\": $i}\"; i=$((i+1)); done; echo '[1]'";
    assert_eq!(end(told).await, Ok(json!([1])));
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_bounded() {
    let folder = TempDir::new().unwrap();
    let flood = ProcessConfig {
        max_output_bytes: 1_000_000,
        ..script(&folder, "echo $$ > pid; exec yes '[1, 2, 3]'")
    };
    let failure = run(flood, json!({})).await.unwrap_err();
    assert!(matches!(&failure, Failure::Crashed(why) if why.contains("1000000")), "{failure:?}");
    gone(&std::fs::read_to_string(folder.path().join("pid")).unwrap()).await;
    // Signs of progress are no answer, and so are not counted; complaints are not kept.
    let endless = "yes '{\"progress\": 1}' | head -n 200000; yes complaint | head -c 20000000 >&2; \
                   echo '\"done\"'";
    let chatty = ProcessConfig { max_output_bytes: 10_000_000, ..script(&folder, endless) };
    assert_eq!(run(chatty, json!({})).await, Ok(json!("done")));
    let fails = script(&folder, "yes complaint | head -c 20000000 >&2; exit 3");
    let failure = run(fails, json!({})).await.unwrap_err().to_string();
    assert!(failure.len() < 1_000 && failure.contains("complaint"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_is_killed_with_all_that_it_started() {
    let folder = TempDir::new().unwrap();
    let text = "sh -c 'trap \"\" TERM HUP; echo $$ > child; sleep 1000 & echo $! > grandchild; wait' &\n\
                trap '' TERM HUP; echo $$ > parent; wait; sleep 1000";
    let hang = ProcessConfig { timeout_ms: 1_500, ..script(&folder, text) };
    assert_eq!(run(hang, json!({})).await, Err(Failure::Timeout(1_500)));
    for who in ["parent", "child", "grandchild"] {
        gone(&std::fs::read_to_string(folder.path().join(who)).unwrap()).await;
    }
    // What it leaves behind does not outlive it either, nor hold up its answer.
    let leaves = script(&folder, "sleep 1000 & echo $! > left; echo '\"done\"'");
    assert_eq!(run(leaves, json!({})).await, Ok(json!("done")));
    gone(&std::fs::read_to_string(folder.path().join("left")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_a_hang_only_where_it_is_said_to_be() {
    let folder = TempDir::new().unwrap();
    let silent = ProcessConfig {
        silence_ms: Some(300),
        ..script(&folder, "echo '{\"progress\": 1}'; echo $$ > pid; exec sleep 1000")
    };
    let failure = run(silent, json!({})).await.unwrap_err();
    assert!(matches!(&failure, Failure::Crashed(why) if why.contains("300 ms")), "{failure:?}");
    gone(&std::fs::read_to_string(folder.path().join("pid")).unwrap()).await;
    // Much longer than the silence allowed, and never silent for that long.
    let at_work =
        "for i in 1 2 3 4 5 6 7 8; do echo \"{\\\"progress\\\": $i}\"; sleep 0.5; done; echo 1";
    let at_work = ProcessConfig { silence_ms: Some(3_500), ..script(&folder, at_work) };
    assert_eq!(run(at_work, json!({})).await, Ok(json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_run_at_once() {
    let folder = TempDir::new().unwrap();
    // Each counts who is here, now and a little later.
    let text = "n=$$; mkdir here.$n; ls -d here.* | wc -l > seen.$n; sleep 0.2; ls -d here.* | wc -l >> seen.$n; rmdir here.$n; echo 1";
    let config = ProcessConfig { parallel: 2, ..script(&folder, text) };
    let data = TempDir::new().unwrap();
    let tools = registry(config, data.path());
    let calls = (0..8).map(|_| tools.call(call("test.run", json!({}))));
    for ended in futures::future::join_all(calls).await {
        assert_eq!(ended.unwrap().output, json!(1));
    }
    let mut most = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("seen.") {
            let seen = std::fs::read_to_string(path).unwrap();
            most = seen.lines().map(|n| n.trim().parse::<u32>().unwrap()).max().unwrap().max(most);
        }
    }
    assert!((1..=2).contains(&most), "{most} at once");
    // One that waits longer than its time says so.
    let hang = ProcessConfig { parallel: 1, timeout_ms: 500, ..script(&folder, "sleep 1000") };
    let tools = registry(hang, data.path());
    let both = (0..2).map(|_| tools.call(call("test.run", json!({}))));
    let both = futures::future::join_all(both).await;
    assert!(both.iter().all(Result::is_err), "{both:?}");
    assert!(both.contains(&Err(Failure::Timeout(500))), "{both:?}");
}

/// Appends its key to a file, then does as the arguments say; tells by key what it did.
const EFFECT: &str = r#"
args=$(cat)
case "$args" in *refuse*) exit 75;; esac
echo "$AUTOOS_KEY" >> effects
case "$args" in *die*) kill -9 $$;; *hang*) exec sleep 1000;; esac
[ "$AUTOOS_DEADLINE_MS" -gt 1700000000000 ] && echo '"made"'
"#;

const OUTCOME: &str = r#"
if grep -qx "$AUTOOS_KEY" effects; then echo '{"outcome": "done", "result": "found"}'
else echo '{"outcome": "not_done"}'; fi
"#;

fn effect(folder: &TempDir, told: bool) -> ProcessConfig {
    let config = ProcessConfig {
        effect: EffectClass::Effectful,
        timeout_ms: 1_500,
        ..script(folder, EFFECT)
    };
    let path = folder.path().join("outcome.sh");
    std::fs::write(&path, OUTCOME).unwrap();
    let outcome = ["/bin/sh".to_owned(), path.display().to_string()];
    ProcessConfig { outcome: if told { outcome.to_vec() } else { Vec::new() }, ..config }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_happens_once_for_its_key() {
    let done = |output: Value| Outcome::Done(ToolResult { output, bytes_read: 0 });
    let wish = |how: &str| keyed("test.run", json!({"how": how}), how);
    for told in [true, false] {
        let (folder, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let tools = registry(effect(&folder, told), data.path());
        let keyless = ToolCall { idempotency_key: None, ..wish("well") };
        assert!(matches!(tools.call(keyless).await, Err(Failure::Invalid(_))));
        // It began and ended well; it says no to begin; it dies and hangs after its effect.
        assert_eq!(tools.outcome(wish("well")).await, Outcome::NotDone);
        assert_eq!(tools.call(wish("well")).await.unwrap().output, json!("made"));
        let refused = tools.call(wish("refuse")).await.unwrap_err();
        assert!(matches!(refused, Failure::Unavailable(_)), "{refused:?}");
        assert_eq!(tools.outcome(wish("refuse")).await, Outcome::NotDone);
        assert!(matches!(tools.call(wish("die")).await, Err(Failure::Crashed(_))));
        assert_eq!(tools.call(wish("hang")).await, Err(Failure::Timeout(1_500)));
        // A node that starts anew asks by key, and does not do it again.
        let tools = registry(effect(&folder, told), data.path());
        for how in ["well", "die", "hang"] {
            let known = if told { done(json!("found")) } else { Outcome::Unknown };
            assert_eq!(tools.outcome(wish(how)).await, known, "{how} {told}");
            match tools.call(wish(how)).await {
                Ok(again) if told => assert_eq!(again.output, json!("found")),
                Err(Failure::Crashed(why)) if !told => {
                    assert!(why.contains("cannot be told"), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
        let other = keyed("test.run", json!({"how": "other"}), "well");
        assert!(matches!(tools.call(other.clone()).await, Err(Failure::Invalid(_))));
        assert_eq!(tools.outcome(other).await, Outcome::Unknown);
        let effects = std::fs::read_to_string(folder.path().join("effects")).unwrap();
        assert_eq!(effects, "well\ndie\nhang\n", "each once");
        if told {
            // What it says did not happen may happen now.
            std::fs::write(folder.path().join("effects"), "").unwrap();
            assert_eq!(tools.outcome(wish("well")).await, Outcome::NotDone);
            tools.call(wish("well")).await.unwrap();
            let effects = std::fs::read_to_string(folder.path().join("effects")).unwrap();
            assert_eq!(effects, "well\n");
        }
    }
}

#[test]
fn a_wrong_configuration_is_refused_with_its_field() {
    let (folder, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let good = script(&folder, "cat");
    let build = |config: ProcessConfig| {
        Registry::builder().data_dir(data.path()).processes([config]).build()
    };
    build(good.clone()).unwrap();
    type Spoil = fn(&mut ProcessConfig);
    let wrong: [(&str, Spoil); 14] = [
        ("name: ", |c| c.name = "run".into()),
        ("name: ", |c| c.name = "../x.y".into()),
        ("name: ", |c| c.name = "Test.run".into()),
        ("command: ", |c| c.command.clear()),
        ("command: ", |c| c.command = vec!["no-such-program".into()]),
        ("command: ", |c| c.command = vec!["bin/sh".into()]),
        ("command: ", |c| c.command = vec!["/etc/passwd".into()]),
        ("trust: ", |c| c.trust = TrustLevel::Trusted),
        ("timeout_ms: ", |c| c.timeout_ms = 0),
        ("silence_ms: ", |c| c.silence_ms = Some(0)),
        ("env: ", |c| c.env = vec!["NO_SUCH_VARIABLE".into()]),
        ("directory: ", |c| c.directory = "/no/such".into()),
        ("outcome: ", |c| c.outcome = vec!["/bin/sh".into()]),
        ("arguments_file: ", |c| c.arguments_file = Some("/no/such".into())),
    ];
    for (field, spoil) in wrong {
        let mut config = good.clone();
        spoil(&mut config);
        let error = build(config).unwrap_err();
        let BuildError::Config { reason, .. } = &error else { panic!("{error}") };
        assert!(reason.starts_with(field), "{field}: {error}");
    }
    let schema = ProcessConfig { arguments: Some(json!({"type": "nothing"})), ..good.clone() };
    assert!(matches!(build(schema), Err(BuildError::Schema { .. })));
    let taken = ProcessConfig { name: "fs.read".into(), ..good.clone() };
    assert!(matches!(build(taken), Err(BuildError::Duplicate(_))));
    let nowhere = ProcessConfig { effect: EffectClass::Effectful, ..good };
    assert!(Registry::builder().processes([nowhere]).build().is_err(), "it needs a ledger");
}
