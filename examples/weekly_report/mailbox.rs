//! A mail server on this machine that shows what it is sent. It takes every mail, keeps none, and
//! ends when its standard input does.
//!
//! ```console
//! $ cargo run -p autoos-examples --bin mailbox
//! port 45671
//! ```

use autoos_tools::testing::{SmtpServer, Stage};
use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

/// How long it waits for a mail before it looks again, in seconds: any time does.
const LOOK_AGAIN_S: u64 = 3_600;

fn main() -> anyhow::Result<()> {
    let server = SmtpServer::start()?;
    say(&format!("port {}", server.port()))?;
    std::thread::spawn(|| {
        // Whatever is typed is of no interest, only that it ends.
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut shown = 0;
    loop {
        server.wait(Stage::Dot, shown + 1, Duration::from_secs(LOOK_AGAIN_S));
        for mail in server.received().iter().skip(shown) {
            shown += 1;
            let id = mail.message_id.as_deref().unwrap_or("no Message-ID");
            say(&format!("mail {shown} to {}: {id}\n{}", mail.to.join(", "), mail.text))?;
        }
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
