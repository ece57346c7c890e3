//! What masking makes of messages.

use super::*;

fn masked(content: &str) -> String {
    let mut masker = Masker::default();
    masker.mask(content);
    assert_eq!(masker.key.iter().filter(|c| **c == WILD).count(), masker.slots.len());
    String::from_utf8_lossy(&masker.key).replace('\u{1}', "<*>")
}

#[test]
fn what_varies_is_masked() {
    for (content, expected) in [
        ("took 12 ms for 3.5 MB of 7 items", "took <*> for <*> of <*> items"),
        ("timeout of 5000ms exceeded", "timeout of <*> exceeded"),
        ("lifetime <1 sec", "lifetime <*>"),
        ("lifetime 00:25", "lifetime <*>"),
        ("from 10.0.0.1:8080, to /10.0.0.2", "from <*>, to <*>"),
        ("peer 10.0.0.1,10.0.0.2 left", "peer <*> left"),
        ("open /var/lib/x.db: no such file", "open <*>: no such file"),
        ("get https://a.example/b?c=1, then", "get <*>, then"),
        ("id 6f1c2d3e-0a1b-4c5d-8e9f-001122334455 gone", "id <*> gone"),
        ("at 0x7ffe12 flags deadbeef01", "at <*> flags <*>"),
        ("uid=0 name=svc.local ok=true", "uid=<*> name=<*> ok=<*>"),
        ("shown= false, now", "shown= <*>, now"),
        ("user=root state=half-open", "user=root state=half-open"),
        ("task_1445_0020_m_000003_0 started", "task_<*> started"),
        ("delete blk_-12 blk_34 blk_56", "delete blk_<*>"),
        ("at Fri Jun 17 07:07:00 2005 done", "at <*> done"),
        ("since 2020-01-01 10:00:00,5 up", "since <*> up"),
        ("drive C:\\Windows\\x.dll loaded", "drive <*> loaded"),
        ("error = -2, code [-1]", "error = <*>, code [<*>]"),
        ("rows 1##2##3", "rows <*>"),
        ("speeds ( 3 44 555 )", "speeds ( <*> )"),
        ("ssh2 on tty3", "ssh<*> on tty<*>"),
        ("mail from bob@example.org", "mail from <*>"),
        ("lr:0fe11a40 ctr:0fe24038 x@33557fe4", "lr:<*> ctr:<*> x@<*>"),
        ("pod web-7f9c6d-x2k4l up", "pod web-<*> up"),
        ("10.0.0.1:80:Got it", "<*>:Got it"),
        ("no digits at all: kept.", "no digits at all: kept."),
        ("failed with java.io.IOException: x", "failed with java.io.IOException: x"),
    ] {
        assert_eq!(masked(content), expected, "{content}");
    }
}

#[test]
fn slots_keep_the_text() {
    let mut masker = Masker::default();
    let content = "login of user7 from 10.0.0.9 took 3 ms";
    masker.mask(content);
    let values: Vec<_> = masker.slots.iter().map(|s| &content[s.value.0..s.value.1]).collect();
    assert_eq!(values, ["user7", "10.0.0.9", "3 ms"]);
}

#[test]
fn odd_bytes_do_no_harm() {
    for content in
        ["", " ", "=", "<", "((((", "é=ü1ß", "\u{1}\u{2}", "/", "-", "a=/", "<1", "1,", ",1,2,"]
    {
        masked(content);
    }
    masked(&"ä1 ".repeat(5000));
}
