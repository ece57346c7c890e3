use super::*;
use serde_json::Value;
use tracing::{info, info_span, subscriber::with_default};

/// Lines that were written.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is written in a form while something is done.
fn written(form: Form, work: impl FnOnce(&LogLevel)) -> String {
    let out = Out::default();
    let (lines, level) = log("trace", form, out.clone()).expect("a filter");
    with_default(lines, || work(&level));
    let bytes = out.0.lock().expect("whole").clone();
    String::from_utf8(bytes).expect("UTF-8")
}

const TEXT: Form = Form::Text { colour: false };

#[test]
fn a_line_says_where_it_belongs() {
    let line = written(Form::Json, |_| {
        let _span = info_span!("attempt", workflow = "wf-1", step = "draft", attempt = 2).entered();
        let _inner = info_span!("call", attempt = 3, request_id = "r-1").entered();
        info!(again_ms = 40_u64, tenant = "ann", "a human was not told");
    });
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "a human was not told");
    assert!(line["target"].as_str().is_some_and(|target| target.starts_with("autoos::logs")));
    assert_eq!((&line["workflow"], &line["step"]), (&"wf-1".into(), &"draft".into()));
    assert_eq!((&line["attempt"], &line["again_ms"]), (&3.into(), &40.into()), "the inner wins");
    assert!(line["time"].as_str().is_some_and(|time| time.starts_with("20")));
}

#[test]
fn what_is_not_on_the_list_is_not_written() {
    const CANARY: &str = "the canary sings of ducks";
    for form in [Form::Json, TEXT] {
        let lines = written(form, |_| {
            info!(prompt = CANARY, answer = ?vec![CANARY], n = 17_171_717, "asked");
            info!(target: "hyper::proto", workflow = CANARY, "read {CANARY}");
            info!(target: "autoosish", "{CANARY}");
            info!(error = "refused: sk-ant-api03-abcdefghijklmnop", "and a key");
            let _span = info_span!("ask", task = CANARY, hidden = true).entered();
            info!(headers = CANARY, "within a span");
        });
        assert!(!lines.contains("canary") && !lines.contains("17171717"), "{lines}");
        assert!(!lines.contains("abcdefghijklmnop") && lines.contains("[redacted]"), "{lines}");
        assert!(lines.contains(&format!("<text, {} bytes>", CANARY.len())), "{lines}");
        assert_eq!(lines.lines().count(), 5, "{lines}");
    }
}

#[test]
fn nothing_makes_a_second_line() {
    let sly =
        "x\n{\"level\":\"ERROR\",\"message\":\"forged\"}\r\u{1b}[2J\u{202e}\u{2028}\u{85}y\" a=b";
    for form in [Form::Json, TEXT] {
        let lines = written(form, |_| {
            info!(path = sly, error = %sly, why = ?sly, "{sly}");
        });
        assert_eq!(lines.matches('\n').count(), 1, "{lines:?}");
        assert!(lines.ends_with('\n'));
        let odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{2028}';
        assert!(!lines.contains(odd), "{lines:?}");
        if form == Form::Json {
            let line: Value = serde_json::from_str(&lines).expect("JSON");
            assert_eq!((&line["level"], &line["path"]), (&"INFO".into(), &sly.into()));
        }
    }
}

#[test]
fn a_field_passes_for_none_of_the_lines_own() {
    let line = written(Form::Json, |_| {
        info!(level = "forged", time = "forged", target = "forged", path = "p", "m");
    });
    assert!(!line.contains("forged"), "{line}");
    assert_eq!(line.matches("\"level\"").count(), 1);
}

#[test]
fn levels_change_while_it_runs() {
    let lines = written(TEXT, |level| {
        assert_eq!(level(Some("warn")).as_deref(), Ok("warn"));
        info!("not this");
        assert_eq!(level(Some("warn,autoos=info")).as_deref(), Ok("warn,autoos=info"));
        info!("but this");
        assert!(level(Some("autoos=loud")).is_err());
        assert_eq!(level(None).as_deref(), Ok("warn,autoos=info"), "it stays as it was");
    });
    assert!(lines.contains("but this") && !lines.contains("not this"), "{lines}");
}
