//! Inputs larger than memory should hold: what the tools need does not grow with them.
//!
//! `AUTOOS_LARGE_MIB` sets the size of the input; 48 MiB unless given, so that the test is quick.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.
#![cfg(target_os = "linux")] // Memory is read from /proc.

mod common;

use autoos_tools::{Registry, ToolGateway};
use common::call;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// What a tool may need beyond what the process had, in KiB.
const MOST_KIB: u64 = 40 * 1024;

/// The most memory that was ever resident, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn mib() -> u64 {
    std::env::var("AUTOOS_LARGE_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

/// Rows of CSV until the file is large enough; how many, and the sum of their last column.
fn csv(path: &Path) -> (u64, u64) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let (mut written, mut rows, mut sum) = (0, 0, 0);
    file.write_all(b"id,group,note,value\n").unwrap();
    let note = "lorem ipsum dolor sit amet ".repeat(20);
    while written < mib() * 1024 * 1024 {
        let value = rows % 1000;
        let row = format!("{rows},g{},\"{note}\",{}.{:02}\n", rows % 7, value, value % 100);
        file.write_all(row.as_bytes()).unwrap();
        written += row.len() as u64;
        sum += value * 100 + value % 100;
        rows += 1;
    }
    file.flush().unwrap();
    (rows, sum)
}

/// The same as one JSON array on one line.
fn json_array(path: &Path) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let (mut written, mut rows) = (0, 0_u64);
    let note = "lorem ipsum dolor sit amet ".repeat(20);
    file.write_all(b"[").unwrap();
    while written < mib() * 1024 * 1024 {
        let comma = if rows == 0 { "" } else { "," };
        let row = format!("{comma}{{\"id\":{rows},\"note\":\"{note}\"}}");
        file.write_all(row.as_bytes()).unwrap();
        written += row.len() as u64;
        rows += 1;
    }
    file.write_all(b"]").unwrap();
    file.flush().unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_input() {
    let directory = tempfile::tempdir().unwrap();
    let (rows, sum) = csv(&directory.path().join("a.csv"));
    let objects = json_array(&directory.path().join("a.json"));
    let registry = Registry::builder().roots([directory.path()]).build().unwrap();
    let before = peak_kib();
    let run = |tool: &str, args: Value| registry.call(call(tool, args));

    let group = json!({"path": "a.csv", "group_by": ["group"], "aggregate": [{"op": "sum",
        "column": "value"}, {"op": "count"}]});
    let output = run("table.query", group).await.unwrap().output;
    assert_eq!((&output["scanned"], &output["groups"]), (&json!(rows), &json!(7)));
    let total = json!({"path": "a.csv", "aggregate": [{"op": "sum", "column": "value"}]});
    let output = run("table.query", total).await.unwrap().output;
    let cents = output["rows"][0][0].as_f64().unwrap() * 100.0;
    #[allow(clippy::cast_precision_loss)]
    let wanted = sum as f64;
    assert!((cents - wanted).abs() < 0.01, "{cents} {wanted}");

    let sorted = json!({"path": "a.csv", "select": ["id"], "limit": 1,
        "sort": [{"column": "id", "descending": true}]});
    let output = run("table.query", sorted).await.unwrap().output;
    assert_eq!(output["rows"], json!([[rows - 1]]));

    let output = run("table.query", json!({"path": "a.json"})).await.unwrap().output;
    assert_eq!(output["scanned"], json!(objects));
    // One line of JSON, as long as the file.
    let output = run("fs.search", json!({"path": "a.json", "pattern": "dolor"})).await.unwrap();
    assert_eq!(output.output["matches"], json!(1));
    let output = run("fs.search", json!({"path": "a.csv", "pattern": "dolor"})).await.unwrap();
    assert_eq!(output.output["matches"], json!(rows));
    let output = run("text.summarize", json!({"path": "a.csv"})).await.unwrap();
    assert_eq!(output.output["truncated"], json!(true));
    let output = run("fs.read", json!({"path": "a.csv", "limit": 100})).await.unwrap();
    assert_eq!(output.output["bytes"], json!(100));

    let grown = peak_kib() - before;
    assert!(grown < MOST_KIB, "{grown} KiB more for {} MiB", mib());
    eprintln!("{grown} KiB more for {} MiB", mib());
}
