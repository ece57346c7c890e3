//! Records of many formats: where the time, level and source are found, and how lines join.

use autoos_tools::logs::{Analyzer, Options, Report, Severity};

fn analyze(lines: &[&str]) -> Report {
    let mut analyzer = Analyzer::new(Options { assignments: true, ..Options::default() });
    lines.iter().for_each(|line| analyzer.line(line));
    analyzer.finish()
}

/// Template, severity, reason and source of the only group.
fn only(lines: &[&str]) -> (String, Severity, &'static str, Option<String>) {
    let report = analyze(lines);
    assert_eq!(report.groups_total, 1, "{:?}", report.groups);
    let group = report.groups[0].clone();
    (group.template, group.severity, group.severity_reason, group.source)
}

#[test]
fn heads_of_many_formats() {
    for (lines, template, severity, reason, source) in [
        (
            [
                "<35>1 2024-10-11T22:14:15.003Z web su 12 ID47 - login of user7 failed",
                "<35>1 2024-10-11T22:15:15.003Z web su 13 - [a@1 b=\"c\"] login of user9 failed",
            ],
            "login of user<*> failed",
            Severity::Error,
            "level field",
            Some("su"),
        ),
        (
            [
                "<30>Oct 11 22:14:15 web ntpd[7]: clock moved 3 ms",
                "<30>Oct 11 22:14:19 web ntpd[7]: clock moved 9 ms",
            ],
            "clock moved <*>",
            Severity::Info,
            "level field",
            Some("ntpd"),
        ),
        (
            [
                "E0102 15:04:05.123456 77 server.cc:120] no route to peer 7",
                "E0102 15:04:06.123456 78 server.cc:120] no route to peer 9",
            ],
            "no route to peer <*>",
            Severity::Error,
            "level field",
            Some("server.cc"),
        ),
        (
            [
                "[   12.345678] usb 1-1: device descriptor read error -71",
                "[   13.345678] usb 1-2: device descriptor read error -71",
            ],
            "usb <*>: device descriptor read error -71",
            Severity::Error,
            "words",
            None,
        ),
        (
            [
                "2024/03/01 10:00:00 [error] 31#31: *5 open() \"/srv/a\" failed",
                "2024/03/01 10:00:01 [error] 31#31: *9 open() \"/srv/b\" failed",
            ],
            "*<*> open() \"<*>\" failed",
            Severity::Error,
            "level field",
            None,
        ),
        (
            [
                "[Fri Sep 09 10:42:29.902022 2022] [core:error] [pid 35708:tid 43] File missing: /a",
                "[Fri Sep 09 10:42:30.902022 2022] [core:error] [pid 35708:tid 43] File missing: /b",
            ],
            "File missing: <*>",
            Severity::Error,
            "level field",
            None,
        ),
        (
            ["ERROR:shop.db:lost row 7", "ERROR:shop.db:lost row 9"],
            "shop.db:lost row <*>",
            Severity::Error,
            "level field",
            None,
        ),
        (
            ["1700000000.123 WARN queue: depth 10", "1700000001.123 WARN queue: depth 12"],
            "depth <*>",
            Severity::Warning,
            "level field",
            Some("queue"),
        ),
        (
            [
                "{\"ts\":1700000000,\"level\":50,\"msg\":\"db 7 gone\",\"name\":\"api\"}",
                "{\"ts\":1700000001,\"level\":50,\"msg\":\"db 9 gone\",\"name\":\"api\"}",
            ],
            "db <*> gone",
            Severity::Error,
            "level field",
            Some("api"),
        ),
        (
            [
                "ts=2024-01-01T10:00:00Z level=warn msg=\"slow disk 7\" component=store",
                "ts=2024-01-01T10:00:01Z level=warn msg=\"slow disk 8\" component=store",
            ],
            "slow disk <*>",
            Severity::Warning,
            "level field",
            Some("store"),
        ),
        (
            ["connection to 10.0.0.1 refused", "connection to 10.0.0.2 refused"],
            "connection to <*> refused",
            Severity::Error,
            "words",
            None,
        ),
        (
            ["all fine with 3 nodes, no errors", "all fine with 4 nodes, no errors"],
            "all fine with <*> nodes, no errors",
            Severity::Info,
            "default",
            None,
        ),
    ] {
        let found = only(&lines);
        assert_eq!(
            (found.0.as_str(), found.1, found.2, found.3.as_deref()),
            (template, severity, reason, source),
            "{lines:?}"
        );
    }
}

#[test]
fn a_stack_trace_belongs_to_its_record() {
    let report = analyze(&[
        "2024-05-01 10:00:00,123 INFO [main] a.B: started",
        "2024-05-01 10:00:01,123 ERROR [main] a.B: could not store order 7",
        "java.io.IOException: disk gone",
        "\tat a.B.c(B.java:12)",
        "Caused by: java.net.SocketException: y",
        "\t... 12 more",
        "",
        "2024-05-01 10:00:02,123 ERROR [main] a.B: could not store order 8",
        "java.lang.IllegalStateException: closed",
        "2024-05-01 10:00:03,123 INFO [main] a.B: started",
    ]);
    assert_eq!((report.lines, report.records), (10, 4));
    let groups = report.assignments.expect("assignments");
    assert_eq!(groups[1..7], [groups[1]; 6]);
    assert_eq!(groups[7], groups[8]);
    assert_eq!(groups[0], groups[9]);
    // The same message with another exception is another error.
    let templates: Vec<&str> = report.errors.families.iter().map(|f| f.template.as_str()).collect();
    assert_eq!(
        templates,
        [
            "could not store order <*> IOException",
            "could not store order <*> IllegalStateException"
        ]
    );
    assert_eq!(report.errors.families[0].first.line, 2);
}

#[test]
fn a_bare_traceback_is_its_error() {
    let report = analyze(&[
        "listening on port 80",
        "Traceback (most recent call last):",
        "  File \"a.py\", line 3, in f",
        "    g()",
        "ValueError: bad row 7",
        "listening on port 81",
    ]);
    assert_eq!(report.records, 3);
    assert_eq!(report.errors.families[0].template, "ValueError: bad row <*>");
    assert_eq!(
        report.assignments.expect("assignments")[1..5]
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        1
    );
}

#[test]
fn numbers_decide_about_the_same_words() {
    let report = analyze(&[
        "scan done, errors=0",
        "scan done, errors=3",
        "scan done, errors=0",
        "scan done, errors=12",
    ]);
    assert_eq!(report.groups_total, 1);
    assert_eq!((report.errors.total, report.severities["info"]), (2, 2));
    let family = &report.errors.families[0];
    assert_eq!((family.count, family.first.line, family.last.line), (2, 2, 4));
    assert_eq!(family.example, "scan done, errors=3");
}

#[test]
fn a_time_that_cannot_be_read_still_begins_a_record() {
    let mut lines = vec!["2024-05-01 10:00:00 INFO a: one"; 20];
    lines[5] = "2024-05-41 10:00:02 INFO a: odd clock";
    lines[6] = "and what follows it";
    let report = analyze(&lines);
    assert_eq!(report.records, 19);
    let groups = report.assignments.expect("assignments");
    assert_eq!((groups[0], groups[5]), (groups[7], groups[6]));
    assert_ne!(groups[0], groups[5]);
}

#[test]
fn two_programs_in_one_file() {
    let mut lines = Vec::new();
    for i in 0..30 {
        lines.push(format!("2024-05-01 10:00:{i:02} ERROR db: row {i} lost"));
        lines.push(format!("May  1 10:00:{i:02} web cron[{i}]: job {i} done"));
    }
    let report = analyze(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report.records, 60);
    let templates: Vec<&str> = report.groups.iter().map(|g| g.template.as_str()).collect();
    assert_eq!(templates, ["row <*> lost", "job <*> done"]);
    assert_eq!(report.format.layouts.len(), 2);
}

#[test]
fn years_turn_where_stamps_have_none() {
    let report = analyze(&["Dec 31 23:59:58 web app: tick 1", "Jan  1 00:00:02 web app: tick 2"]);
    assert_eq!(report.span.expect("a span").seconds, 4.0);
    let report = analyze(&["23:59:58 tick 1", "00:00:02 tick 2"]);
    assert_eq!(report.span.expect("a span").seconds, 4.0);
}

#[test]
fn access_logs_are_judged_by_status() {
    let line = |i: u32, path: &str, status: u32| {
        format!(
            "10.0.0.{i} - - [10/Oct/2023:13:55:{i:02} +0000] \"GET {path} HTTP/1.1\" {status} 12 \"-\" \"ua\""
        )
    };
    let mut lines: Vec<String> = (0..20).map(|i| line(i, &format!("/a/{i}?q={i}"), 200)).collect();
    lines.extend((0..5).map(|i| line(i, "/b", 502)));
    lines.extend((0..3).map(|i| line(i, "/failed/login", 404)));
    let report = analyze(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((report.errors.total, report.warnings.total), (5, 3));
    let family = &report.errors.families[0];
    assert_eq!((family.template.as_str(), family.kind), ("<*> GET /b 502", Some("connectivity")));
    assert_eq!(family.severity_reason, "http status");
    assert_eq!(report.groups_total, 3);
    assert_eq!(report.span.expect("a span").seconds, 19.0);
}

#[test]
fn names_without_digits_are_learned_and_states_are_not() {
    let users = ["amina", "bjorn", "carla", "dmitri"];
    let mut lines: Vec<String> =
        users.iter().map(|u| format!("session closed for user {u}")).collect();
    lines.extend(["ACTIVE", "PASSIVE", "DRAINING"].iter().map(|s| format!("node is now {s}")));
    lines.extend(["opened", "closed"].iter().map(|s| format!("valve was {s} by hand")));
    let report = analyze(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report.groups_total, 1 + 3 + 2, "{:?}", report.groups);
    let user = &report.groups[0].variables[0];
    assert_eq!((user.name.as_str(), user.distinct, user.complete), ("user", 4, true));
}

#[test]
fn odd_input_is_taken_as_it_comes() {
    assert_eq!(analyze(&[]).records, 0);
    let report = analyze(&["", "", "   "]);
    assert_eq!((report.lines, report.errors.total), (3, 0));
    assert_eq!(report.assignments.expect("assignments").len(), 3);
    let mut analyzer = Analyzer::new(Options::default());
    analyzer.line(b"caf\xff \x00\x01\x02 failed\r\n");
    analyzer.line("{\"deep\":".repeat(10_000));
    analyzer.line("=".repeat(5000));
    analyzer.line("9".repeat(5000));
    let report = analyzer.finish();
    assert_eq!(report.records, 4);
    assert_eq!(report.errors.total, 1);
}

#[test]
fn what_is_listed_can_be_narrowed() {
    let mut analyzer = Analyzer::new(Options {
        top: 1,
        since: Some("2024-05-01 10:00:01".into()),
        until: Some("2024-05-01 10:00:03".into()),
        assignments: true,
        ..Options::default()
    });
    for i in 0..6 {
        analyzer.line(format!("2024-05-01 10:00:0{i} INFO a: {} {i}", ["x", "y"][i % 2]));
    }
    let report = analyzer.finish();
    assert_eq!((report.records, report.skipped_records, report.groups_total), (3, 3, 2));
    assert_eq!(report.groups.len(), 1);
    let none = report.assignments.expect("assignments").iter().filter(|a| a.is_none()).count();
    assert_eq!(none, 3);
}
