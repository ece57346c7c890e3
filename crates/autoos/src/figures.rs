//! The metrics that only the wiring can see: the local journal's, the fabric's, the process's.
//! What a cluster counts of its groups and links joins them here.

use autoos_fabric::Fabric;
use autoos_gateway::{Deliveries, Figures};
use autoos_journal::LocalJournal;
use autoos_meter::Family;
use std::{fs, sync::Arc};

/// The figures of a node's parts, read when asked.
pub(crate) fn of(
    journal: &Arc<LocalJournal>,
    fabric: &Fabric,
    webhook: Option<Arc<Deliveries>>,
) -> Figures {
    let (journal, fabric) = (journal.clone(), fabric.clone());
    Arc::new(move || {
        let mut all = journal.figures();
        all.extend(fabric.figures());
        all.extend(of_process());
        if let Some(deliveries) = &webhook {
            let name = "autoos_webhook_deliveries_total";
            let family = Family::counter(name, "Deliveries to the webhook, by how they ended.");
            all.push(family.by("end", deliveries.read()));
        }
        all
    })
}

/// What the system says of this process, under the names that every dashboard knows. Nothing
/// where the system has no `/proc`.
fn of_process() -> Vec<Family> {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the process is in parentheses and may hold anything; the state comes first
    // behind it, which `man 5 proc` counts as the third field.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let fields: Vec<&str> = behind.split_ascii_whitespace().collect();
    let field = |n: usize| fields.get(n - 3).and_then(|field| field.parse::<f64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let started = || Some(booted_s()? + field(22)? / ticks);
    let fds = fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as f64);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let (counter, gauge) = (Family::counter, Family::gauge);
    [
        (
            counter("process_cpu_seconds_total", "Processor time that was used."),
            field(14).zip(field(15)).map(|(user, system)| (user + system) / ticks),
        ),
        (gauge("process_threads", "Threads."), field(20)),
        (gauge("process_start_time_seconds", "Begin, since 1970."), started()),
        (gauge("process_virtual_memory_bytes", "Address space."), field(23)),
        (
            gauge("process_resident_memory_bytes", "Memory that is held."),
            field(24).map(|pages| pages * page),
        ),
        (gauge("process_open_fds", "Open files and connections."), fds),
        (
            gauge("process_max_fds", "Files and connections that may be open."),
            limit.map(|limit| limit as f64),
        ),
    ]
    .into_iter()
    .filter_map(|(family, value)| Some(family.of(value?)))
    .collect()
}

/// When the system was started, in seconds since 1970.
fn booted_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use autoos_meter::Value;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn a_process_knows_what_it_takes() {
        let all = of_process();
        let value = |name: &str| {
            let family = all.iter().find(|family| family.name == name).expect(name);
            let Value::Number(value) = family.series[0].value else { panic!("{name}") };
            value
        };
        assert_eq!(all.len(), 7);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..3_600.0).contains(&age), "{age}");
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_threads") >= 1.0 && value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") > value("process_open_fds"));
    }
}
