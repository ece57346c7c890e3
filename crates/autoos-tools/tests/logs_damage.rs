//! Damaged input: lines of many formats with bytes put in, taken out and cut off, by a fixed seed.
//! Nothing panics, and the totals still add up.

use autoos_tools::logs::{Analyzer, Options};

const LINES: [&str; 14] = [
    "2024-05-01 10:00:00,123 ERROR [main] a.B: could not store order 7 for user amina",
    "java.io.IOException: disk gone",
    "\tat a.B.c(B.java:12)",
    "Traceback (most recent call last):",
    "May  1 10:00:00 web sshd[12]: Failed password for root from 10.0.0.1 port 7 ssh2",
    "<35>1 2024-10-11T22:14:15.003Z web su 12 ID47 [a@1 b=\"c\"] login failed",
    "10.0.0.1 - - [10/Oct/2023:13:55:36 +0000] \"GET /a/7?x=1 HTTP/1.1\" 502 12 \"-\" \"ua\"",
    "{\"ts\":1700000000,\"level\":50,\"msg\":\"db 7 gone\",\"name\":\"api\",\"err\":{\"type\":\"x\"}}",
    "ts=2024-01-01T10:00:00Z level=warn msg=\"slow \\\"disk\" component=store",
    "[   12.345678] usb 1-1: device é read error -71 — ü",
    "20171223-22:15:29:606|Step_A|30002312|sum=1##2##3,4",
    "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO core.7 up",
    "[10.30 16:49:06] chat.exe - proxy.acme.org:5070 close, 0 bytes sent, lifetime <1 sec",
    "E0102 15:04:05.123456 77 server.cc:120] no route to 6f1c2d3e-0a1b-4c5d-8e9f-001122334455",
];

const BITS: [&[u8]; 20] = [
    "é".as_bytes(),
    "😀".as_bytes(),
    b"\xff",
    b"[",
    b"]",
    b"(",
    b"=",
    b"-",
    b" ",
    b":",
    b"{",
    b"\"",
    b"/",
    b"<",
    b"0",
    b"\x01",
    b"\x02",
    b",",
    b"2024-05-01 10:00:00 ",
    b"99999999999999999999",
];

#[test]
fn nothing_panics_and_totals_add_up() {
    let mut state = 20_240_501u64;
    let mut dice = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..400 {
        let max_groups = if round % 3 == 0 { 64 } else { 8192 };
        let mut analyzer =
            Analyzer::new(Options { assignments: true, max_groups, ..Options::default() });
        let lines = dice(150) + 1;
        let kinds: Vec<usize> = (0..dice(4) + 1).map(|_| dice(LINES.len())).collect();
        for _ in 0..lines {
            let mut line = LINES[kinds[dice(kinds.len())]].as_bytes().to_vec();
            for _ in 0..dice(6) {
                let at = dice(line.len() + 1);
                match dice(3) {
                    0 => drop(line.splice(at..at, BITS[dice(BITS.len())].iter().copied())),
                    1 if at < line.len() => drop(line.remove(at)),
                    _ => line.truncate(at),
                }
            }
            analyzer.line(&line);
        }
        let report = analyzer.finish();
        assert_eq!(report.lines, lines as u64);
        assert_eq!(report.assignments.as_ref().map(Vec::len), Some(lines));
        assert_eq!(report.severities.values().sum::<u64>(), report.records);
        assert_eq!(report.errors.total, report.severities["error"] + report.severities["critical"]);
        assert_eq!(report.warnings.total, report.severities["warning"]);
        serde_json::to_string(&report).expect("JSON");
    }
}
