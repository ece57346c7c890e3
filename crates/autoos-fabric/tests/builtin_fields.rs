//! Logs that say more than time and level: `key=value` and the machines of syslog, asked as tables.

mod builtin_node;

use builtin_node::Node;

const LOGFMT: &str = "\
ts=2025-04-14T10:00:00Z level=info service=web msg=\"request done\" status=200 duration_ms=12
ts=2025-04-14T10:00:05Z level=info service=web msg=\"request done\" status=200 duration_ms=30
ts=2025-04-14T10:20:00Z level=error service=db msg=\"no connection\" status=500 duration_ms=900
ts=2025-04-14T10:45:10Z level=info service=cache msg=\"request done\" status=200 duration_ms=3
ts=2025-04-14T11:10:00Z level=error service=web msg=\"gave up\" status=503 duration_ms=450
";

const SYSLOG: &str = "\
Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0 rhost=218.188.2.4
Jun 14 15:16:02 combo sshd(pam_unix)[19937]: check pass; user unknown
Jun 15 02:04:59 hall cron[20882]: ran the nightly job
Jun 15 02:05:10 combo su[21416]: session opened for user cyrus by (uid=0)
Jun 15 02:06:10 attic kernel: link is up
";

fn answer(node: &Node, file: &str, ask: &str) -> String {
    let contexts = [("log", file)];
    node.run(ask, &contexts).map_or_else(
        |why| format!("declined: {why}"),
        |d| {
            assert_eq!(d.grounding.unsupported().count(), 0, "{ask}: {}", d.answer);
            d.answer
        },
    )
}

#[test]
fn fields_and_machines_are_columns() {
    let node = Node::new(&[]);
    node.file("app.log", LOGFMT);
    node.file("messages.log", SYSLOG);
    for (file, ask, wanted) in [
        ("@app.log", "average duration_ms per service", vec!["900", "164", "3"]),
        ("@app.log", "how many lines have status 200?", vec!["3 rows"]),
        ("@app.log", "which service has the highest duration_ms in total?", vec!["db", "900"]),
        ("@app.log", "how many errors per service", vec!["web", "db"]),
        ("@app.log", "how many errors in the last hour?", vec!["2 rows"]),
        ("@messages.log", "count lines per host", vec!["combo", "3", "hall", "attic"]),
        ("@messages.log", "which host has the most lines?", vec!["combo", "3"]),
        ("@messages.log", "how many lines per source", vec!["cron", "su", "kernel"]),
        ("@messages.log", "how many lines in the last hour?", vec!["declined"]),
    ] {
        let said = answer(&node, file, ask);
        let all = wanted.iter().all(|word| said.contains(word));
        assert!(all, "{ask}\n{said}");
    }
}
