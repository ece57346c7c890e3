//! A mail server on this machine that does as a test says: takes mail and remembers it, refuses,
//! dies or falls silent at any step of the dialog.
//!
//! It runs on threads of its own, needs no runtime, and is gone when it is dropped. What it took
//! responsibility for, answered or not, stands in [`SmtpServer::received`]; a mail that appears
//! there twice was sent twice. Left out: relaying, and what no client here asks for.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A step of the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A client has connected; the greeting is due.
    Connect,
    /// EHLO was said.
    Hello,
    /// STARTTLS was said.
    Starttls,
    /// A login was tried.
    Login,
    /// MAIL FROM was said.
    Mail,
    /// RCPT TO was said.
    Recipient,
    /// DATA was said.
    Data,
    /// The first line of the mail has come.
    Text,
    /// The final dot has come: the server takes responsibility, and its answer is due.
    Dot,
}

/// What a server does at a step instead of its duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Closes the connection.
    Die,
    /// Says nothing any more, until the client goes away.
    Hang,
    /// Answers this, for example `451 4.3.0 try later`. At [`Stage::Dot`] the mail is not taken.
    Say(String),
}

/// One thing that goes wrong, on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Stage,
    /// How.
    pub act: Act,
}

/// A mail that the server took responsibility for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The sender, as MAIL FROM named it.
    pub from: String,
    /// The recipients, as RCPT TO named them.
    pub to: Vec<String>,
    /// Its Message-ID, with the angle brackets.
    pub message_id: Option<String>,
    /// The whole mail, dots undone.
    pub text: String,
    /// Whether the client was told.
    pub answered: bool,
    /// Whether it came under TLS.
    pub encrypted: bool,
    /// Who had logged in.
    pub login: Option<String>,
}

/// How the server protects connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// From the first byte.
    Implicit,
    /// When asked with STARTTLS.
    Starttls,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// What the server has and asks for.
#[derive(Debug, Clone, Default)]
pub struct SmtpOptions {
    /// TLS, where it has some.
    pub tls: Option<(TlsMode, Arc<ServerConfig>)>,
    /// The account without which it takes nothing.
    pub login: Option<Login>,
}

/// The server.
#[derive(Debug)]
pub struct SmtpServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    options: SmtpOptions,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Option<Fault>>,
    received: Vec<Received>,
    reached: Vec<Stage>,
    open: Vec<TcpStream>,
}

impl SmtpServer {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// There is no port to be had.
    pub fn start() -> io::Result<Self> {
        Self::start_with(SmtpOptions::default())
    }

    /// The same with TLS or an account.
    ///
    /// # Errors
    /// As [`SmtpServer::start`].
    pub fn start_with(options: SmtpOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { options, ..Shared::default() });
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("smtp".to_owned());
        let listener = thread.spawn(move || listen(&listener, &serving))?;
        Ok(Self { shared, address, listener: Some(listener) })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What the next connections meet, one each; none is a connection on which all goes well, and
    /// so are all after the last.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().script.extend(faults);
    }

    /// The next connection meets this.
    pub fn fault(&self, at: Stage, act: Act) {
        self.script([Some(Fault { at, act })]);
    }

    /// Every mail that it took responsibility for, in order.
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    /// How many mails with this Message-ID it took.
    pub fn copies(&self, message_id: &str) -> usize {
        let same = |mail: &&Received| mail.message_id.as_deref() == Some(message_id);
        self.state().received.iter().filter(same).count()
    }

    /// Every step that was reached, in order, over all connections.
    pub fn reached(&self) -> Vec<Stage> {
        self.state().reached.clone()
    }

    /// Waits until a step is reached for the `times`th time; false when `limit` passed before.
    pub fn wait(&self, stage: Stage, times: usize, limit: Duration) -> bool {
        let few = |state: &mut State| {
            state.reached.iter().filter(|reached| **reached == stage).count() < times
        };
        let waited = self.shared.changed.wait_timeout_while(self.state(), limit, few);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The listener wakes up to find that it is over.
        let _ = TcpStream::connect(self.address);
        for stream in self.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let fault = {
            let mut state = shared.state();
            state.open.extend(stream.try_clone().ok());
            state.script.pop_front().flatten()
        };
        let shared = Arc::clone(shared);
        // It ends with its client, or when the server is dropped.
        std::thread::spawn(move || {
            let mut dialog = Dialog { shared, fault, encrypted: false, login: None };
            let _ = dialog.run(&stream);
            // Dropping alone would not close it: there are other handles to it.
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}
type Line = BufReader<Box<dyn Both>>;

struct Dialog {
    shared: Arc<Shared>,
    fault: Option<Fault>,
    encrypted: bool,
    login: Option<String>,
}

/// What remains to be done at a step.
enum Duty {
    Answer,
    Answered,
}

impl Dialog {
    fn run(&mut self, stream: &TcpStream) -> io::Result<()> {
        let tls = self.shared.options.tls.clone();
        let mut line = match &tls {
            Some((TlsMode::Implicit, config)) => self.secure(stream.try_clone()?, config)?,
            _ => BufReader::new(Box::new(stream.try_clone()?) as Box<dyn Both>),
        };
        self.meet(Stage::Connect, &mut line, "220 scripted ESMTP")?;
        let (mut from, mut to) = (String::new(), Vec::new());
        loop {
            let said = read_line(&mut line)?;
            let word = said.split_whitespace().next().unwrap_or_default().to_uppercase();
            let address = || {
                let inside = said.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
                inside.map(|(address, _)| address.to_owned()).unwrap_or_default()
            };
            match word.as_str() {
                "EHLO" | "HELO" => {
                    let offers = self.offers();
                    self.meet(Stage::Hello, &mut line, &offers)?;
                }
                "STARTTLS" => {
                    let answer = self.meet(Stage::Starttls, &mut line, "220 go ahead")?;
                    if let (Some((_, config)), Duty::Answer) = (&tls, answer) {
                        line = self.secure(stream.try_clone()?, config)?;
                    }
                }
                "AUTH" => self.authenticate(&said, &mut line)?,
                "MAIL" if self.shared.options.login.is_some() && self.login.is_none() => {
                    say(&mut line, "530 5.7.0 log in first")?;
                }
                "MAIL" => {
                    (from, to) = (address(), Vec::new());
                    self.meet(Stage::Mail, &mut line, "250 2.1.0 ok")?;
                }
                "RCPT" => {
                    if let Duty::Answer = self.meet(Stage::Recipient, &mut line, "250 2.1.5 ok")? {
                        to.push(address());
                    }
                }
                "DATA" => {
                    if let Duty::Answer = self.meet(Stage::Data, &mut line, "354 go on")? {
                        self.take(&mut line, &from, &to)?;
                    }
                }
                "QUIT" => return say(&mut line, "221 2.0.0 bye"),
                "RSET" | "NOOP" => say(&mut line, "250 2.0.0 ok")?,
                _ => say(&mut line, "500 5.5.2 what?")?,
            }
        }
    }

    fn offers(&self) -> String {
        let mut offers = vec!["scripted".to_owned()];
        if matches!(self.shared.options.tls, Some((TlsMode::Starttls, _))) && !self.encrypted {
            offers.push("STARTTLS".to_owned());
        }
        if self.shared.options.login.is_some() {
            offers.push("AUTH PLAIN LOGIN".to_owned());
        }
        offers.push("8BITMIME".to_owned());
        let last = offers.pop().unwrap_or_default();
        let before: String = offers.iter().map(|offer| format!("250-{offer}\r\n")).collect();
        format!("{before}250 {last}")
    }

    fn secure(&mut self, stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Line> {
        let server = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        self.encrypted = true;
        Ok(BufReader::new(Box::new(StreamOwned::new(server, stream))))
    }

    fn authenticate(&mut self, said: &str, line: &mut Line) -> io::Result<()> {
        let Some(login) = self.shared.options.login.clone() else {
            return say(line, "502 5.5.1 there are no accounts");
        };
        if let Duty::Answered = self.meet(Stage::Login, line, "")? {
            return Ok(());
        }
        let given = said.split_whitespace().nth(2).unwrap_or_default();
        let wanted = base64(format!("\0{}\0{}", login.user, login.password).as_bytes());
        if given == wanted {
            self.login = Some(login.user);
            return say(line, "235 2.7.0 welcome");
        }
        say(line, "535 5.7.8 wrong name or password")
    }

    /// Reads a mail and takes it.
    fn take(&mut self, line: &mut Line, from: &str, to: &[String]) -> io::Result<()> {
        let mut text = String::new();
        let mut first = true;
        loop {
            let read = read_line(line)?;
            if std::mem::take(&mut first) {
                self.meet(Stage::Text, line, "")?;
            }
            if read == "." {
                break;
            }
            text.push_str(read.strip_prefix('.').unwrap_or(&read));
            text.push_str("\r\n");
        }
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let message_id = head.lines().find_map(|header| {
            let (name, value) = header.split_once(':')?;
            name.eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
        });
        let refused = matches!(&self.fault, Some(Fault { at: Stage::Dot, act: Act::Say(_) }));
        let mut place = None;
        if !refused {
            let mut state = self.shared.state();
            place = Some(state.received.len());
            state.received.push(Received {
                from: from.to_owned(),
                to: to.to_vec(),
                message_id,
                text,
                answered: false,
                encrypted: self.encrypted,
                login: self.login.clone(),
            });
        }
        self.meet(Stage::Dot, line, "250 2.0.0 taken")?;
        if let Some(place) = place {
            self.shared.state().received[place].answered = true;
        }
        Ok(())
    }

    /// Does what the script says at this step, or answers as is due.
    fn meet(&mut self, stage: Stage, line: &mut Line, answer: &str) -> io::Result<Duty> {
        let fault = match &self.fault {
            Some(fault) if fault.at == stage => self.fault.take(),
            _ => None,
        };
        self.shared.state().reached.push(stage);
        self.shared.changed.notify_all();
        match fault.map(|fault| fault.act) {
            Some(Act::Die) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Act::Hang) => {
                // Until the client goes away; what it says meanwhile is not heard.
                io::copy(line, &mut io::sink())?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Act::Say(words)) => say(line, &words).map(|()| Duty::Answered),
            None if answer.is_empty() => Ok(Duty::Answer),
            None => say(line, answer).map(|()| Duty::Answer),
        }
    }
}

fn read_line(line: &mut Line) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        if line.read_until(b'\n', &mut bytes)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Only CR LF ends a line: a bare one of them is part of it.
        if bytes.ends_with(b"\r\n") {
            bytes.truncate(bytes.len() - 2);
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn say(line: &mut Line, words: &str) -> io::Result<()> {
    line.get_mut().write_all(format!("{words}\r\n").as_bytes())?;
    line.get_mut().flush()
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(sign) } else { '=' });
        }
    }
    text
}
