//! Paths that try to get out of the roots, by every door, through every tool that takes a path.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod common;

use autoos_tools::{Failure, Registry, ToolCall, ToolGateway};
use common::{call, keyed};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{FileTypeExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;

/// A root with links of all kinds in it, a secret beside it, and the node's own data inside it.
struct House {
    _all: TempDir,
    top: PathBuf,
    registry: Arc<Registry>,
}

impl House {
    fn new() -> Self {
        let all = tempfile::tempdir().unwrap();
        let top = all.path().canonicalize().unwrap();
        for directory in ["root/in/deep", "root/data", "outside", "root-beside"] {
            fs::create_dir_all(top.join(directory)).unwrap();
        }
        for file in ["root/in/ok.txt", "root/in/deep/ok.txt", "root/ünïcode 名.txt"] {
            fs::write(top.join(file), "fine\n").unwrap();
        }
        for file in ["outside/secret.txt", "root-beside/secret.txt", "root/data/key"] {
            fs::write(top.join(file), "secret\n").unwrap();
        }
        let root = top.join("root");
        symlink(top.join("outside/secret.txt"), root.join("link")).unwrap();
        symlink("../outside/secret.txt", root.join("relative-link")).unwrap();
        symlink(top.join("outside"), root.join("dir-link")).unwrap();
        symlink("link", root.join("link-to-link")).unwrap();
        symlink("../dir-link", root.join("in/nested")).unwrap();
        symlink("in/ok.txt", root.join("good-link")).unwrap();
        symlink("/proc/self", root.join("proc")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink(root.join("data"), root.join("in/data-link")).unwrap();
        let registry =
            Registry::builder().write_roots([&root]).data_dir(root.join("data")).build().unwrap();
        Self { _all: all, top, registry }
    }

    /// What every reading tool says of a path.
    async fn read(&self, path: &str, granted: &[&Path]) -> Vec<Result<Value, Failure>> {
        let calls = [
            call("fs.read", json!({"path": path})),
            call("fs.search", json!({"path": path, "pattern": "secret"})),
            call("table.query", json!({"path": path, "limit": 5})),
            call("text.summarize", json!({"path": path})),
            call("logs.analyze", json!({"path": path})),
        ];
        let granted: Vec<PathBuf> = granted.iter().map(|path| path.to_path_buf()).collect();
        let mut said = Vec::new();
        for call in calls {
            let call = ToolCall { granted: granted.clone(), ..call };
            said.push(self.registry.call(call).await.map(|result| result.output));
        }
        said
    }
}

fn escapes(top: &Path) -> Vec<String> {
    let at = |path: &str| top.join(path).display().to_string();
    let mut paths: Vec<String> = [
        "/etc/shadow",
        "/etc/passwd",
        "/",
        "//etc/passwd",
        "/etc/../etc/passwd",
        "/./etc/passwd",
        "../outside/secret.txt",
        "in/../../outside/secret.txt",
        "in/deep/../../../outside/secret.txt",
        "..",
        "../",
        "../..",
        "./../outside/secret.txt",
        "in/./../../outside/secret.txt",
        "../../../../../../../../etc/passwd",
        "....//....//etc/passwd/../../../etc/passwd",
        "link",
        "./link",
        "in/../link",
        "relative-link",
        "link-to-link",
        "dir-link/secret.txt",
        "in/nested/secret.txt",
        "dir-link/../outside/secret.txt",
        "dir-link/../../etc/passwd",
        "/proc/self/environ",
        "/proc/self/cmdline",
        "/proc/1/environ",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd",
        "/proc/self/fd/0",
        "/dev/stdin",
        "/dev/fd/0",
        "/dev/null",
        "/dev/zero",
        "/dev/tty",
        "/sys/kernel/uevent_seqnum",
        "proc/environ",
        "proc/root/etc/passwd",
        "data/key",
        "in/data-link/key",
        "in/../data/key",
        "../root-beside/secret.txt",
        "~/.ssh/id_rsa",
        "~root/x",
        "$HOME/.bashrc",
        "file:///etc/passwd",
        "/etc/passwd\n",
        "..\\outside\\secret.txt",
        "%2e%2e/outside/secret.txt",
        "．．/outside/secret.txt",
        "\u{202e}/etc/passwd",
        "loop",
        "in/ok.txt/../../../outside/secret.txt",
    ]
    .iter()
    .map(|path| (*path).to_owned())
    .collect();
    paths.extend([
        at("outside/secret.txt"),
        at("root/../outside/secret.txt"),
        at("root/link"),
        at("root/dir-link/secret.txt"),
        at("root-beside/secret.txt"),
        at("root/data/key"),
        format!("{}\0", at("root/in/ok.txt")),
        "in/ok.txt\0/../../outside/secret.txt".to_owned(),
        "a/".repeat(3000),
        format!("{}../outside/secret.txt", "in/../".repeat(600)),
        "x".repeat(300),
        "x".repeat(1_000_000),
    ]);
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out() {
    let house = House::new();
    let paths = escapes(&house.top);
    assert!(paths.len() >= 60, "{}", paths.len());
    for path in &paths {
        let short: String = path.chars().take(80).collect();
        for said in house.read(path, &[]).await {
            let failure = said.expect_err(&short);
            let refused = matches!(&failure, Failure::Denied(_) | Failure::Invalid(_));
            assert!(refused, "{short:?}: {failure:?}");
            assert!(!failure.to_string().contains("secret\n"), "{short:?}: {failure}");
        }
    }
    for path in ["in/ok.txt", "good-link", "ünïcode 名.txt", "in/deep/../ok.txt", "./in//ok.txt"]
    {
        let said = house.read(path, &[]).await;
        assert!(said.iter().all(Result::is_ok), "{path}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_outside() {
    let house = House::new();
    let before = tree(&house.top);
    for (at, path) in escapes(&house.top).iter().enumerate() {
        // The name of a file that may well be written inside the root is no escape.
        if house.top.join("root").join(path).parent().is_some_and(|parent| {
            parent.canonicalize().is_ok_and(|parent| parent == house.top.join("root"))
        }) && path.len() <= 255
            && !path.contains('\0')
            && !path.ends_with("..")
            && !path.ends_with('/')
        {
            continue;
        }
        let args = json!({"path": path, "text": "x", "mode": "replace"});
        let said = house.registry.call(keyed("fs.write", args, &format!("key-{at}"))).await;
        let refused = matches!(&said, Err(Failure::Denied(_) | Failure::Invalid(_)));
        assert!(refused, "{:?}: {said:?}", path.chars().take(80).collect::<String>());
    }
    for link in ["link", "good-link", "loop", "dir-link"] {
        let args = json!({"path": link, "text": "x", "mode": "replace"});
        let said = house.registry.call(keyed("fs.write", args, link)).await;
        assert!(matches!(&said, Err(Failure::Denied(_))), "{link}: {said:?}");
    }
    assert_eq!(tree(&house.top), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_not_even_said_to_exist() {
    let house = House::new();
    let there = house.top.join("outside/secret.txt").display().to_string();
    let not_there = house.top.join("outside/nothing.txt").display().to_string();
    let said = |path: String| {
        let call = call("fs.read", json!({"path": path.clone()}));
        let answer = house.registry.call(call);
        async move { answer.await.unwrap_err().to_string().replace(&path, "PATH") }
    };
    let (a, b) = (said(there).await, said(not_there).await);
    assert_eq!(a, b);
    assert!(a.contains(&house.top.join("root").display().to_string()), "names the roots: {a}");
    assert!(a.contains("--root DIR"), "says what to do: {a}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_opens_one_file_for_one_call() {
    let house = House::new();
    let secret = house.top.join("outside/secret.txt");
    let key = house.top.join("root/data/key");
    let path = secret.display().to_string();
    assert!(house.read(&path, &[&secret]).await.iter().all(Result::is_ok));
    assert!(house.read("secret.txt", &[&secret]).await.iter().all(Result::is_ok), "by its name");
    assert!(house.read(&path, &[]).await.iter().all(Result::is_err), "gone with the call");
    let beside = house.top.join("root-beside/secret.txt").display().to_string();
    assert!(house.read(&beside, &[&secret]).await.iter().all(Result::is_err));
    let up = format!("{path}/../secret.txt");
    assert!(house.read(&up, &[&secret]).await.iter().all(Result::is_err));
    // An upload lies in the node's own data; its grant reaches it, and nothing beside it.
    assert!(house.read(&key.display().to_string(), &[&key]).await.iter().all(Result::is_ok));
    // Two grants with one name: which one is meant?
    let two = [secret.as_path(), &house.top.join("root-beside/secret.txt")];
    assert!(house.read("secret.txt", &two).await.iter().all(Result::is_err));
    let environment = Path::new("/proc/self/environ");
    assert!(house.read("/proc/self/environ", &[environment]).await.iter().all(Result::is_err));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_holds_nobody_up() {
    let house = House::new();
    let pipe = house.top.join("root/pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    for said in house.read("pipe", &[]).await {
        assert!(matches!(&said, Err(Failure::Denied(_))), "{said:?}");
    }
    let said = house.registry.call(call("fs.search", json!({"path": ".", "pattern": "secret"})));
    assert_eq!(said.await.unwrap().output["matches"], json!(0), "nor links, nor own data");
    let said = house.registry.call(call("fs.list", json!({"path": ".", "recursive": true})));
    let listed = said.await.unwrap().output.to_string();
    assert!(!listed.contains("secret.txt") && !listed.contains("data/key"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_roots_nothing_is_open() {
    let registry = Registry::builder().build().unwrap();
    for path in ["/etc/passwd", "x", "."] {
        let failure = registry.call(call("fs.read", json!({"path": path}))).await.unwrap_err();
        assert!(failure.to_string().contains("no directory is open"), "{failure}");
    }
    let missing = Registry::builder().roots(["/no/such/directory"]).build().unwrap_err();
    assert!(missing.to_string().contains("/no/such/directory"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn even_the_root_of_all_does_not_open_the_kernel() {
    let registry = Registry::builder().roots(["/"]).build().unwrap();
    for path in
        ["/proc/self/environ", "proc/self/environ", "/dev/zero", "/sys/kernel/uevent_seqnum"]
    {
        let said = registry.call(call("fs.read", json!({"path": path}))).await;
        assert!(matches!(&said, Err(Failure::Denied(_) | Failure::Invalid(_))), "{path}: {said:?}");
    }
}

/// Swapping a directory for a link while it is read never shows what the link leads to.
#[tokio::test(flavor = "multi_thread")]
async fn a_swap_in_between_is_not_followed() {
    let house = House::new();
    let inside = house.top.join("root/swap");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("secret.txt"), "fine\n").unwrap();
    let (aside, link) = (house.top.join("root/aside"), house.top.join("root/swap-link"));
    symlink(house.top.join("outside"), &link).unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapper = {
        let (inside, aside, link, stop) = (inside, aside, link, Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(&inside, &aside).unwrap();
                fs::rename(&link, &inside).unwrap();
                fs::rename(&inside, &link).unwrap();
                fs::rename(&aside, &inside).unwrap();
            }
        })
    };
    let mut fine = 0;
    for _ in 0..3000 {
        let read = house.registry.call(call("fs.read", json!({"path": "swap/secret.txt"}))).await;
        if let Ok(result) = read {
            assert_eq!(result.output["text"], json!("fine\n"));
            fine += 1;
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(fine > 0, "the file was there some of the time");
}

/// All files with their content, to see that nothing changed. The ledger is the node's own.
fn tree(top: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() && !path.ends_with("data") {
                open.push(path.clone());
            }
            all.push((path.clone(), kind.is_file().then(|| fs::read(&path).unwrap())));
        }
    }
    all.sort();
    all
}
