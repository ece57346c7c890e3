//! One run of a program: fed, heard, watched, and ended with everything that it started.
//!
//! A program leads a process group of its own, and the group does not outlive the call: whatever
//! the program leaves behind is killed when it ends. Left out: what leaves the group (`setsid`),
//! limits on memory and processor time (`prlimit` before the command does that), and ending it
//! when the node itself is killed, for which the program has its deadline in the environment.

use super::config::Program;
use super::output::{Answer, Complaint};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    cell::{Cell, RefCell},
    io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};

/// Time for a killed program to be gone, and for its last words to arrive.
const LAST: Duration = Duration::from_millis(500);

/// What is to be run.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) program: &'a Program,
    pub(super) env: Vec<(String, String)>,
    pub(super) directory: &'a Path,
    pub(super) input: Vec<u8>,
    pub(super) until: Instant,
    pub(super) silence: Option<Duration>,
    pub(super) most: usize,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
    /// It was killed at its time limit.
    Late,
    /// It was killed for writing nothing.
    Silent,
    /// It was killed for writing too much.
    TooLarge,
}

/// What it left.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) answer: Answer,
    pub(super) complaint: Complaint,
}

/// Kills a process group when it is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody left in it is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// # Errors
/// It could not be started.
pub(super) async fn run(job: Job<'_>) -> io::Result<Ran> {
    let mut child = Command::new(&job.program.path)
        .args(&job.program.args)
        .env_clear()
        .envs(job.env)
        .current_dir(job.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = Group(pid);
    let answer = RefCell::new(Answer::new(job.most));
    let complaint = RefCell::new(Complaint::default());
    let heard = Cell::new(Instant::now());
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program need not read all that it is given.
            let _ = stdin.write_all(&job.input).await;
        }
        true
    };
    let hear = listen(stdout, |read| {
        heard.set(Instant::now());
        answer.borrow_mut().take(read)
    });
    let complain = listen(stderr, |read| {
        complaint.borrow_mut().take(read);
        true
    });
    // Complaints are no part of the answer: too large an answer ends the run at once.
    let talk = async { tokio::try_join!(bounded(feed), bounded(hear), bounded(complain)).is_ok() };
    tokio::pin!(talk);
    let mut talked = false;
    let end = loop {
        let silent_at = job.silence.map_or(job.until, |silence| heard.get() + silence);
        tokio::select! {
            status = child.wait() => break of(status?),
            fits = &mut talk, if !talked => {
                talked = true;
                if !fits {
                    break End::TooLarge;
                }
            }
            () = sleep_until(job.until.min(silent_at)) => {
                let now = Instant::now();
                if now >= job.until {
                    break End::Late;
                }
                if job.silence.is_some_and(|silence| now >= heard.get() + silence) {
                    break End::Silent;
                }
            }
        }
    };
    // At once after the program, before anybody else can get its number.
    drop(group);
    reap(&mut child).await;
    let mut end = end;
    if !talked && matches!(end, End::Code(_) | End::Signal(_)) {
        // Its pipes are closed now, unless something that left the group holds them.
        if let Ok(false) = timeout(LAST, &mut talk).await {
            end = End::TooLarge;
        }
    }
    Ok(Ran { end, answer: answer.replace(Answer::new(0)), complaint: complaint.take() })
}

async fn bounded(fits: impl Future<Output = bool>) -> Result<(), ()> {
    if fits.await { Ok(()) } else { Err(()) }
}

/// Reads to the end, or until `take` has enough; false then.
async fn listen(from: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let Some(mut from) = from else { return true };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return true,
            Ok(read) if take(&buffer[..read]) => {}
            Ok(_) => return false,
        }
    }
}

/// So that no dead process stays in the system's table; one that cannot die is left to it.
async fn reap(child: &mut Child) {
    let _ = timeout(LAST, child.wait()).await;
}

fn of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, Some(signal)) => End::Signal(signal),
        (None, None) => End::Signal(0),
    }
}
