//! Grouping on logs of many shapes, made up here: heads as many programs write them, messages with
//! the kinds of variables that occur in the wild.
//!
//! Each shape is a head and a list of message patterns; lines are drawn from them with a fixed
//! seed, and a line counts as right if its group holds exactly the lines of its pattern.

use autoos_tools::logs::{Analyzer, Options, Report};
use std::collections::HashMap;

/// A small fixed generator: the same lines on every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// Fills the `{…}` of a pattern: `n` number, `N` large, `h` hex, `ip`, `uuid`, `a|b` a choice.
    fn fill(&mut self, pattern: &str) -> String {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').expect("a closing brace") + open;
            out.push_str(&rest[..open]);
            let value = self.value(&rest[open + 1..close]);
            out.push_str(&value);
            rest = &rest[close + 1..];
        }
        out + rest
    }

    fn value(&mut self, what: &str) -> String {
        match what {
            "n" => self.next(500).to_string(),
            "d" => self.next(10).to_string(),
            "dd" => format!("{:02}", self.next(60)),
            "nnnn" => format!("{:04}", self.next(10_000)),
            "nnnnnn" => format!("{:06}", self.next(1_000_000)),
            "N" => (1_000_000 + self.next(1 << 31)).to_string(),
            "-N" => format!(
                "{}{}",
                if self.next(2) == 0 { "-" } else { "" },
                1_000_000_000 + self.next(1 << 31)
            ),
            "h" => format!("{:x}{:06x}", 1 + self.next(15), self.next(1 << 24)),
            "hex" => format!("0x{:08x}", self.next(1 << 32)),
            "ip" => format!("10.{}.{}.{}", self.next(256), self.next(256), self.next(256)),
            "uuid" => format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:06x}{:06x}",
                self.next(1 << 32),
                self.next(1 << 16),
                self.next(1 << 12),
                self.next(1 << 12),
                self.next(1 << 24),
                self.next(1 << 24)
            ),
            "f" => format!("{}.{}", self.next(100), self.next(10_000)),
            "open" => "{".to_owned(),
            "close" => "}".to_owned(),
            choice => {
                let choices: Vec<&str> = choice.split('|').collect();
                choices[self.next(choices.len() as u64) as usize].to_owned()
            }
        }
    }
}

/// Draws lines, analyses them, and gives the share of right ones and the report.
fn accuracy(head: &str, patterns: &[&str]) -> (f64, Report, String) {
    let mut dice = Dice(head.len() as u64 + 7);
    let mut analyzer = Analyzer::new(Options { assignments: true, top: 500, ..Options::default() });
    let mut truth = Vec::new();
    let mut said = String::new();
    for i in 0..1500u64 {
        // Some patterns are frequent, some rare, and each occurs.
        let n = patterns.len() as u64;
        let drawn = if i < n * 3 { i % n } else { dice.next(n).min(dice.next(n)) };
        let line = dice.fill(head) + &dice.fill(patterns[drawn as usize]);
        analyzer.line(&line);
        truth.push(drawn);
    }
    let report = analyzer.finish();
    let groups = report.assignments.clone().expect("assignments");
    let mut sizes: HashMap<Option<u32>, usize> = HashMap::new();
    groups.iter().for_each(|g| *sizes.entry(*g).or_default() += 1);
    let mut right = 0;
    for pattern in 0..patterns.len() as u64 {
        let lines: Vec<usize> = (0..truth.len()).filter(|i| truth[*i] == pattern).collect();
        let group = groups[lines[0]];
        if sizes[&group] == lines.len() && lines.iter().all(|i| groups[*i] == group) {
            right += lines.len();
        } else {
            let found: std::collections::BTreeSet<Option<u32>> =
                lines.iter().map(|i| groups[*i]).collect();
            said.push_str(&format!("  {} lines: {}\n", lines.len(), patterns[pattern as usize]));
            for id in found.iter().take(4) {
                let template =
                    report.groups.iter().find(|g| Some(g.id) == *id).map(|g| g.template.as_str());
                said.push_str(&format!("      {id:?} {template:?}\n"));
            }
        }
    }
    (right as f64 / truth.len() as f64, report, said)
}

fn check(name: &str, head: &str, patterns: &[&str], least: f64) -> Report {
    let (share, report, said) = accuracy(head, patterns);
    eprintln!("{name}: {share:.3} in {:?}", report.format.layouts);
    assert!(share >= least, "{name}: {share:.3} < {least}\n{said}");
    report
}

#[test]
fn packed_date_number_level_class() {
    let report = check(
        "packed",
        "081109 2036{dd} {n} {INFO|INFO|WARN} store.Node${Packet|Data|Xceiver}: ",
        &[
            "Responder {d} for chunk chk_{-N} terminating",
            "Received chunk chk_{-N} of size {N} from /{ip}",
            "Receiving chunk chk_{-N} src: /{ip}:{nnnn} dest: /{ip}:5{nnnn}",
            "CHUNK* Table.add: map updated: {ip}:5{nnnn} is added to chk_{-N} size {N}",
            "{ip}:50{n} Served chunk chk_{-N} to /{ip}",
            "{ip}:50{n}:Got exception while serving chk_{-N} to /{ip}:",
            "Deleting chunk chk_{-N} file /data/{a|b|c}/current/subdir{d}/chk_{-N}",
            "CHUNK* Table.allocate: /{user|mnt}/x/_task_200811101024_{nnnn}_m_{nnnnnn}_0/part-{nnnn}. chk_{-N}",
            "CHUNK* ask {ip}:5{nnnn} to delete chk_{-N}{| chk_-17362521| chk_1736252 chk_99182}",
            "Verification succeeded for chk_{-N}",
        ],
        1.0,
    );
    assert_eq!(report.format.timestamp, Some("YYMMDD hhmmss"));
    assert_eq!(report.format.leveled_records, 1500);
}

#[test]
fn iso_comma_level_thread_class() {
    check("iso", "2015-10-18 18:{dd}:{dd},{n} {INFO|INFO|WARN|ERROR} [{main|IPC Server handler {d} on 62260|Dispatcher event handler}] org.acme.app.{Master|job.impl.TaskImpl}: ".replace("{d} on", "7 on").as_str(), &[
        "task_144{N}_{nnnn}_{m|r}_{nnnnnn} Task Transitioned from NEW to SCHEDULED",
        "task_144{N}_{nnnn}_{m|r}_{nnnnnn} Task Transitioned from SCHEDULED to RUNNING",
        "attempt_144{N}_{nnnn}_{m|r}_{nnnnnn}_{d} TaskAttempt Transitioned from NEW to UNASSIGNED",
        "attempt_144{N}_{nnnn}_{m|r}_{nnnnnn}_{d} TaskAttempt Transitioned from RUNNING to SUCCEEDED",
        "Progress of TaskAttempt attempt_144{N}_{nnnn}_{m|r}_{nnnnnn}_{d} is : {f}",
        "Retrying connect to server: {alpha|beta}-sa-{n}:{nnnn}. Already tried {d} time(s); retry policy is RetryUpToCount(maxRetries=10, sleepTime=1000 MILLISECONDS)",
        "Address change detected. Old: {alpha|beta}-sa-{n}/{ip}:9000 New: {alpha|beta}-sa-{n}:9000",
        "ERROR IN CONTACTING RM. ",
        "Assigned container container_144{N}_{nnnn}_01_{nnnnnn} to attempt_144{N}_{nnnn}_{m|r}_{nnnnnn}_{d}",
        "Registering class org.acme.v2.job.event.{Task|Job|Speculator|Cleaner}Type for class org.acme.v2.app.{Job|Task|Speculator|Cleaner}Dispatcher",
        "After Scheduling: PendingReds:{d} ScheduledMaps:{d} AssignedMaps:{d} CompletedReds:{d}",
        "Recalculating schedule, headroom=<memory:{n}, vCores:-{d}>",
        "getResources() for application_144{N}_{nnnn}: ask={d} release= {d} newContainers={d} resourcelimit=<memory:{n}, vCores:{d}> knownNMs=4",
        "JVM with ID : jvm_144{N}_{nnnn}_{m|r}_{nnnnnn} asked for a task",
        "Launching attempt_144{N}_{nnnn}_{m|r}_{nnnnnn}_{d}",
        "Num completed Tasks: {d}",
    ], 0.99);
}

#[test]
fn short_year_level_logger() {
    check(
        "short year",
        "17/06/09 20:{dd}:{dd} INFO {exec.Backend|store.MemoryStore|sched.TaskSet}: ",
        &[
            "Block broadcast_{n} stored as values in memory (estimated size {n}.0 {B|KB|MB}, free {n}.{d} {KB|MB})",
            "Block broadcast_{n}_piece{d} stored as bytes in memory (estimated size {n}.0 {B|KB|MB}, free {n}.{d} {KB|MB})",
            "Found block rdd_{n}_{n} locally",
            "Finished task {n}.0 in stage {n}.0 (TID {n}). {n} bytes result sent to driver",
            "Running task {n}.0 in stage {n}.0 (TID {n})",
            "Got assigned task {n}",
            "Input split: hdfs://10.10.34.11:9000/x/y.log:{N}+{N}",
            "Times: total = {n}, boot = -{n}, init = {n}, finish = {n}",
            "Started reading broadcast variable {n}",
            "Reading broadcast variable {n} took {n} ms",
            "Partition rdd_{n}_{n} not found, computing it",
            "{mapred.tip.id|mapred.task.id|mapred.job.id|mapred.is.map} is deprecated. Instead, use {mapreduce.tip.id|mapreduce.task.id|mapreduce.job.id}",
            "Changing view acls to: {yarn,curi|curi}",
        ],
        0.9,
    );
}

#[test]
fn many_columns_before_the_level() {
    let report = check("columns", "{-|-|APPREAD} 11178{nnnn}0 2005.06.{dd|03|04} R{dd}-M1-N{d}-C:J{dd}-U11 2005-06-03-15.42.50.675872 R{dd}-M1-N{d}-C:J{dd}-U11 RAS {KERNEL|APP} {INFO|FATAL} ".replace("{dd|03|04}", "{03|04}").as_str(), &[
        "instruction cache parity error corrected",
        "generating core.{n}",
        "CE sym {d}, at {hex}, mask 0x{dd}",
        "ciod: failed to read message prefix on control stream (CioStream socket to {ip}:{nnnn}",
        "total of {n} ddr error(s) detected and corrected",
        "{n} double-hummer alignment exceptions",
        "iar {h} dear {h}",
        "ciod: Error loading /home/g{d}/x/{a|b|c}.rts: invalid or missing program image, No such file or directory",
        "ciod: LOGIN chdir(/p/gb{d}/{a|b}) failed: No such file or directory",
        "floating pt ex mode 0 enable......{d}",
        "program interrupt: illegal instruction......{d}",
        "program interrupt: privileged instruction...{d}",
        "data TLB error interrupt",
        "machine check interrupt (bit=0x{dd}): L2 dcache unit read return parity error",
        "r{dd}=0x{h}",
        "idoproxydb hit ASSERT condition: ASSERT expression={d} Source file=idotransportmgr.cpp Source line={n} Function=int Transport::send(IdoTransportMgr::SendPacket*)",
        "{n} torus receiver x+ input pipe error(s) (dcr 0x02ec) detected and corrected",
        "{n} torus receiver y+ input pipe error(s) (dcr 0x02ee) detected and corrected",
    ], 0.97);
    assert_eq!(report.format.leveled_records, 1500, "{:?}", report.format);
    assert_eq!(report.groups[0].source.as_deref().map(|s| s == "KERNEL" || s == "APP"), Some(true));
}

#[test]
fn epoch_amid_columns() {
    check(
        "epoch",
        "{n} node-{D|}{n} {unix.hw|gige|action} {state_change.unavailable|temperature|start} 10778{nnnn}2 1 ",
        &[
            "Component State Change: Component \\042{alt|scip}{d}\\042 is in the unavailable state (HWID={nnnn})",
            "ambient={d}",
            "Fan speeds ( {nnnn} {nnnn} {nnnn} {nnnn} {nnnn} {nnnn} )",
            "PSU status ( on on )",
            "Link error on broadcast tree Interconnect-{d}T00:00:{d}:{d}",
            "risBoot (command {nnnn}) Error: power problem",
            "Targeting domains:node-D{d} and nodes:node-[{dd}-{dd}] child of command {nnnn}",
            "ServerFileSystem: An ServerFileSystem domain panic has occurred on storage{n}",
            "NIFF: node node-{n} has detected an available network connection on network {ip} via interface alt0",
            "Temperature ({dd}C) exceeds warning threshold",
            "normal",
            "warning",
        ],
        0.97,
    );
}

#[test]
fn epoch_date_and_syslog() {
    check("three times", "- 11315{nnnn}1 2005.11.09 dn{n} Nov 9 12:{dd}:{dd} dn228/dn228 {crond(pam_unix)[{n}]|kernel|ntpd[7]|postfix/postdrop[812]}: ".replace("[{n}]|kernel", "[2915]|kernel").as_str(), &[
        "session closed for user {root|alice|bob}",
        "session opened for user {root|alice|bob} by (uid={d})",
        "(root) CMD (run-parts /etc/cron.hourly)",
        "synchronized to {ip}, stratum {d}",
        "[ib_sweep.c:{nnnn}]: No topology change",
        "data_thread() got not answer from any [Cluster_{A|B|C}{d}] datasource",
        "warning: unable to look up public/pickup: No such file or directory",
        "DHCPDISCOVER from 00:11:43:e3:{dd}:{dd} via eth{d}: network A1: no free leases",
        "imap{d} login: user=<{n}> failed",
        "e1000: eth{d}: e1000_watchdog: NIC Link is Up {n} Mbps Full Duplex",
        "ACPI: PCI interrupt 0000:{dd}:{dd}.{d}[A] -> GSI {dd} (level, low) -> IRQ {n}",
    ], 0.97);
}

#[test]
fn level_padded_by_spaces() {
    check("padded", "2016-09-28 04:{dd}:{dd}, Info                  {CBS|CSI}    ", &[
        "Loaded Servicing Stack v6.1.7601.{nnnn} with Core: C:\\Windows\\winsxs\\amd64_{h}\\core.dll",
        "Read out cached package applicability for package: {Package_for_KB{n}|Vendor-Windows-Foo-Package}~31bf3856ad364e35~amd64~~6.1.{d}.{d}, ApplicableState: {n}, CurrentState:{n}".replace("{Package_for_KB{n}|Vendor-Windows-Foo-Package}", "{Package_for_KB28|Vendor-Foo-Package3|Other-Bar-Package9}").as_str(),
        "Session: {N}_{N} initialized by client WindowsAgent.",
        "Warning: Unrecognized packageExtended attribute.",
        "Expecting attribute name [HRESULT = 0x800f080d - E_MANIFEST_INVALID_ITEM]",
        "Failed to get next element [HRESULT = 0x800f080d - E_MANIFEST_INVALID_ITEM]",
        "SQM: Failed to start upload with file pattern: C:\\Windows\\sqm\\*_{all|std}.sqm, flags: 0x{d} [HRESULT = 0x80004005 - E_FAIL]",
        "SQM: Cleaning up report files older than {dd} days.",
        "{nnnnnn}{dd}@2016/9/{dd}:20:30:{dd}.{n} Init (wcp.dll version 0.0.0.6) called (stack @0x7f{h} @0x7f{h} @0x7f{h})",
        "Startup processing thread terminated normally",
        "NonStart: Set pending store consistency check.",
        "No startup processing required, TrustedInstaller service was not set as autostart, or else a reboot is still pending.",
    ], 0.97);
}

#[test]
fn month_day_process_thread_letter_tag() {
    let report = check(
        "letters",
        "03-17 16:{dd}:{dd}.{n}  {nnnn}  {nnnn} {D|I|V|W} {WindowKeeper|PowerManagerService|PhoneBar}: ",
        &[
            "acquire lock={N}, flags=0x{d}, tag=\"View Lock\", name=com.acme.{ui|phone}, ws=null, uid={nnnn}, pid={nnnn}",
            "acquire lock={N}, flags=0x{d}, tag=\"RILJ_ACK\", name=com.acme.{ui|phone}, ws=null, uid={nnnn}, pid={nnnn}",
            "release:lock={N}, flg=0x{d}, tag=\"View Lock\", name=com.acme.{ui|phone}\", ws=null, uid={nnnn}, pid={nnnn}",
            "ready={true|false},policy={d},wakefulness={d},wksummary=0x{dd},bootcompleted={true|false},manual={dd},auto=-{d},adj=0.0userId={d}",
            "printLogs opening app wtoken = AppToken{open}{h} token=Token{open}{h} Record{open}{h} u0 com.acme.x/.y.NewsActivity t{n}{close}{close}{close}, allDrawn= {true|false}, startingDisplayed =  {true|false}, isRelaunching =  {true|false}",
            "Skipping AppToken{open}{h} token=Token{open}{h}{close}{close} -- going to hide",
            "getRunning: caller {nnnn} does not hold REAL_GET_TASKS; limiting output",
            "HBM brightnessIn ={dd}",
            "HBM brightnessOut ={dd}",
            "Animating brightness: target={dd}, rate={dd}",
            "setVisibility vis={d} mask={1|ffffffff} oldVal={n} newVal={n} diff={d} bounds=Rect(0, 0 - {n}, {n}), mask",
            "userActivityNoUpdateLocked: eventTime={N}, event={d}, flags=0x{d}, uid={nnnn}",
            "cancelAutohide",
            "interceptKeyTi keyCode={d} down={true|false} repeatCount={d} keyguardOn={true|false} mHomePressed={true|false} canceled={true|false}",
            "printFreezing: {d}",
        ],
        0.97,
    );
    assert_eq!(report.format.leveled_records, 1500);
    assert!(report.groups.iter().all(|g| g.source.is_some()));
}

#[test]
fn pipes() {
    let report = check(
        "pipes",
        "20171223-{22:15:29|0:5:3}:{n}|Step_{LSC|SPUtils|StandReport}|3000{nnnn}|",
        &[
            "onStandStepChanged {nnnn}",
            "onExtend:15140{N} {dd} {d} {d}",
            "calculateCaloriesWithCache totalCalories={nnnnnn}",
            "calculateAltitudeWithCache totalAltitude={n}",
            "getTodayTotalDetailSteps = 15140{N}##{nnnn}##{nnnnnn}##{nnnn}##{nnnnn|4421}##{N}"
                .replace("{nnnnn|4421}", "{12361|4421}")
                .as_str(),
            "setTodayTotalDetailSteps=15140{N}##{nnnn}##{nnnnnn}##{nnnn}##{N}",
            "REPORT : {nnnn} {nnnn} {nnnnnn} {n}",
            "processHandleBroadcastAction action:com.acme.intent.action.SCREEN_ON",
            "processHandleBroadcastAction action:com.acme.intent.action.SCREEN_OFF",
            "flush sensor data",
            "screen status unknown,think screen on",
            "isScreenOn {true|false}",
        ],
        0.9,
    );
    assert!(
        report.groups[0].source.as_deref().is_some_and(|s| s.starts_with("Step_")),
        "{:?}",
        report.groups[0]
    );
}

#[test]
fn bracketed_time_and_program() {
    check("program", "[10.30 16:{dd}:{dd}] {chrome.exe|Chat.exe *64|mail.exe} - ", &[
        "proxy.{cse|ee}.acme.edu.hk:5070 open through proxy proxy.cse.acme.edu.hk:5070 HTTPS",
        "proxy.{cse|ee}.acme.edu.hk:5070 close, {n} bytes sent, {n} bytes received, lifetime {<1 sec|00:{dd}|01:02:03}".replace("{<1 sec|00:{dd}|01:02:03}", "{<1 sec|00:25|01:02:03}").as_str(),
        "www.{a|b}.com:443 close, {nnnn} bytes ({d}.{dd} KB) sent, {nnnn} bytes ({d}.{dd} KB) received, lifetime {<1 sec|00:25|01:02:03}",
        "{ip}:80 error : Could not connect through proxy proxy.acme.org:5070 - Proxy server cannot establish a connection with the target, status code {n}",
    ], 1.0);
}

#[test]
fn file_columns_and_request_ids() {
    let report = check("request ids", "nova-{api|compute}.log.1.2017-05-16_13:53:08 2017-05-16 00:{dd}:{dd}.{n} {nnnn} {INFO|WARNING} acme.{api.wsgi.server|compute.manager} [{req-{uuid} {h}{h}{h}{h} {h}{h}{h}{h} - - -|-}] ".replace("{req-{uuid} {h}{h}{h}{h} {h}{h}{h}{h} - - -|-}", "{req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99c3da401fbd62cc2caa5b96d2 54fadb412c4e40cdbaed9335e4c35a9e - - -|-}").as_str(), &[
        "{ip} \"GET /v2/{h}{h}/servers/detail HTTP/1.1\" status: {n} len: {nnnn} time: 0.{nnnnnn}",
        "{ip} \"POST /v2/{h}{h}/os-server-external-events HTTP/1.1\" status: {n} len: {n} time: 0.{nnnnnn}",
        "{ip} \"DELETE /v2/{h}{h}/servers/{uuid} HTTP/1.1\" status: {n} len: {n} time: 0.{nnnnnn}",
        "[instance: {uuid}] VM Started (Lifecycle Event)",
        "[instance: {uuid}] VM Paused (Lifecycle Event)",
        "[instance: {uuid}] VM Resumed (Lifecycle Event)",
        "[instance: {uuid}] Took {dd}.{dd} seconds to spawn the instance on the hypervisor.",
        "[instance: {uuid}] Took {dd}.{dd} seconds to build instance.",
        "[instance: {uuid}] memory limit: {nnnn}.00 MB, free: {nnnn}.00 MB",
        "[instance: {uuid}] disk limit not specified, defaulting to unlimited",
        "[instance: {uuid}] Deleting instance files /var/lib/nova/instances/{uuid}_del",
        "image {uuid} at (/var/lib/nova/instances/_base/{h}{h}): checking",
        "image {uuid} at (/var/lib/nova/instances/_base/{h}{h}): in use: on this node {d} local, {d} on other nodes sharing this instance storage",
        "Unknown base file: /var/lib/nova/instances/_base/{h}{h}",
    ], 1.0);
    assert_eq!(report.format.leveled_records, 1500);
}

#[test]
fn laptops_syslog() {
    check(
        "laptop",
        "Jul  {d} 09:{dd}:{dd} visitor-10-105-160-{dd} {kernel[0]|com.acme.Scheduler[43]|mDNSResponder[91]|com.acme.xpc.launchd[1] (com.acme.quick[92])}: ",
        &[
            "SwitchThing<{d}>(0x{d})::listenerCallback - HPD packet for route = 0x{d} port = {dd} unplug = {d}",
            "Thermal pressure state: {d} Memory pressure state: {d}",
            "AirPort: Link Down on awdl{d}. Reason {d} (Unspecified).",
            "en{d}: BSSID changed to 5c:50:15:{dd}:{dd}:{dd}",
            "FA||Url||taskID[{N}] dealloc",
            "Unexpected payload found for message {d}, dataLen {n}",
            "hibernate image path: /var/vm/sleepimage",
            "Wake reason: ARPT (Network)",
            "AppleCam::handleWakeEvent_gated",
            "Previous sleep cause: {d}",
            "Google Chrome He[{n}] triggered unnest of range 0x7fff{h}->0x7fff{h} of DYLD shared region in VM map 0x{h}{h}. While not abnormal for debuggers, this increases system memory footprint until the target exits.",
            "no profiles for bundle identifier \"com.acme.{a|b|c}\"",
            "Service only ran for {d} seconds. Pushing respawn out by {d} seconds.",
            "WiFi: Captured {d} packets, rssi -{dd}",
        ],
        0.97,
    );
}
