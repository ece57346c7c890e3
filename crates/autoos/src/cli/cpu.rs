//! CPU times of a process, as `bench` prints them. Read from `/proc`, so on Linux alone.

use anyhow::Context as _;
use std::collections::BTreeMap;

/// CPU time of a process so far, user and system, in milliseconds (`man 5 proc_pid_stat`).
pub(super) fn cpu_ms(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("CPU times are read from /proc, which this system has not")?;
    stat_ms(&stat)
}

/// The same for its threads by name, numbered ones together. What ended meanwhile is left out, so
/// this comes to less than the whole where threads come and go.
pub(super) fn thread_cpu_ms(pid: u32) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let name = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'));
        if let (Some((name, _)), Ok(ms)) = (name, stat_ms(&stat)) {
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
            *all.entry(name.to_owned()).or_default() += ms;
        }
    }
    all
}

fn stat_ms(stat: &str) -> anyhow::Result<f64> {
    let after_name = stat.rsplit_once(')').map_or(stat, |(_, rest)| rest);
    let field = |n: usize| after_name.split_whitespace().nth(n).and_then(|f| f.parse::<f64>().ok());
    // Fields 14 and 15 of the line; clock ticks are 1/100 s on every Linux that Rust supports.
    let ticks = field(11).context("no user time")? + field(12).context("no system time")?;
    Ok(ticks * 10.0)
}
