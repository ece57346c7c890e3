//! A disk that fills up under a node, and one that is full when it starts: the node says so, takes
//! nothing on, loses nothing that it acknowledged, and goes on by itself when there is room.
//!
//! The disk is a small file system of its own in a mount namespace, which takes root: where that
//! is not to be had the test says so and ends.

use crate::{
    held::Held,
    support::{Node, autoos},
};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What the disk has, in MiB: the journal's ballast and reserve twice over, and some room.
const SIZE_MIB: u64 = 288;

/// A small disk; gone when it is dropped.
struct Disk {
    /// Holds the namespace, until its standard input ends.
    holder: Child,
    at: PathBuf,
}

impl Disk {
    /// A disk at `at`, or why there can be none.
    fn mount(at: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).expect("made");
        let script = "mount -t tmpfs -o size=\"$1\"m none \"$2\" && echo mounted && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh", &SIZE_MIB.to_string()])
            .arg(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| format!("unshare does not start: {why}"))?;
        let out = holder.stdout.take().expect("piped");
        let first = BufReader::new(out).lines().next();
        let disk = Self { holder, at: at.to_owned() };
        match first {
            Some(Ok(line)) if line == "mounted" => Ok(disk),
            _ => Err("mounting in a namespace is not permitted".into()),
        }
    }

    /// A command that sees the disk.
    fn see(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg(command.get_program());
        inside.env_clear();
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    /// A path on it, as it is seen from here.
    fn path(&self, name: &str) -> PathBuf {
        let at = self.at.strip_prefix("/").expect("absolute");
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(at).join(name)
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path("filler")).expect("made");
        let piece = vec![0; 1 << 20];
        while file.write_all(&piece).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path("filler")).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // It ends with its input.
        let _ = self.holder.wait();
    }
}

/// Asks for the node's health until its status is this one: no stream tells of it.
async fn healthy(node: &Node, status: &str) -> Value {
    let last = Instant::now() + Duration::from_secs(30);
    loop {
        let (code, health) = node.get("/health").await;
        assert_eq!(code, 200, "{health}");
        if health["status"] == status {
            return health;
        }
        assert!(Instant::now() < last, "never {status}: {health}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_the_node_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = match Disk::mount(&dir.path().join("data")) {
        Ok(disk) => disk,
        Err(why) => return eprintln!("SKIPPED, no disk of its own: {why}"),
    };
    let mut held = Held::start().await;
    let host = held.host();
    let start = || Node::serve(disk.see(&autoos(dir.path())), &["--allow-host", &host]);
    let node = start();
    let id = |made: &Value| made["workflow_id"].as_str().expect("an id").to_owned();
    let mut acknowledged = Vec::new();
    for n in 0..5 {
        let (status, made) =
            node.post("/api/v1/intents", &held.intent(&format!("before-{n}"))).await;
        assert!((200..300).contains(&status), "{made}");
        acknowledged.push(id(&made));
    }
    held.came(acknowledged.len()).await;
    disk.fill();
    // What is acknowledged counts, however full the disk was; then nothing is.
    let refused = loop {
        let intent = held.intent(&format!("full-{}", acknowledged.len()));
        let (status, made) = node.post("/api/v1/intents", &intent).await;
        if !(200..300).contains(&status) {
            assert_eq!(status, 503, "{made}");
            break made;
        }
        acknowledged.push(id(&made));
        assert!(acknowledged.len() < 10_000, "the disk is never full");
    };
    assert!(refused.to_string().contains("free some space"), "{refused}");
    let health = healthy(&node, "degraded").await;
    assert!(health["journal"]["reason"].as_str().is_some_and(|r| r.contains("free some space")));
    for id in &acknowledged {
        let (status, view) = node.get(&format!("/api/v1/workflows/{id}")).await;
        assert_eq!(status, 200, "reading goes on: {view}");
    }
    // Now those that wait get a result that finds no room.
    held.open();
    let (status, refused) = node.post("/api/v1/intents", &held.intent("no room")).await;
    assert_eq!(status, 503, "{refused}");

    // A node that starts on the full disk reads, and takes nothing on.
    node.kill();
    let node = start();
    healthy(&node, "degraded").await;
    let (status, refused) = node.post("/api/v1/intents", &held.intent("still none")).await;
    assert_eq!(status, 503, "{refused}");

    let began = Instant::now();
    disk.free();
    healthy(&node, "ok").await;
    eprintln!("{} acknowledged; well again after {:?}", acknowledged.len(), began.elapsed());
    for id in &acknowledged {
        node.until(id, &["completed"]).await;
    }
    eprintln!("all of them completed after {:?}", began.elapsed());
    let (status, made) = node.post("/api/v1/intents", &held.intent("room again")).await;
    assert!((200..300).contains(&status), "{made}");
    node.until(&id(&made), &["completed"]).await;
    node.kill();
    let doctor = disk.see(&autoos(dir.path())).arg("doctor").output().expect("it starts");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success() && said.contains("every chain holds"), "{doctor:?}");
}
