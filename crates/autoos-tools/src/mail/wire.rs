//! The connection to a mail server: plain, or TLS from the first byte or after asking for it.
//!
//! Below everything lies a valve: once shut, not a byte leaves any more. STARTTLS is asked for
//! here, reading no byte beyond the server's consent, so that nothing said in the clear can pass
//! for something said under TLS; the greeting is then handed on to the dialog, which waits for it.

use super::config::{MailConfig, Tls};
use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A server that is there answers a connection well within this.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer before TLS, in bytes.
const REPLY_MAX: usize = 16 * 1024;

/// Shuts a connection for writing, at once and for good, and knows whether anything left after a
/// mark.
#[derive(Debug, Clone, Default)]
pub(super) struct Valve(Arc<AtomicU8>);

/// States of a valve, which begins at none of them.
const MARKED: u8 = 1;
const PASSED: u8 = 2;
const SHUT: u8 = 3;

impl Valve {
    /// Nothing is written any more.
    pub(super) fn shut(&self) {
        self.0.store(SHUT, Ordering::SeqCst);
    }

    /// From here on it counts whether something is written.
    pub(super) fn mark(&self) {
        self.0.store(MARKED, Ordering::SeqCst);
    }

    /// Whether a byte was handed to the system after the mark.
    pub(super) fn passed(&self) -> bool {
        self.0.load(Ordering::SeqCst) == PASSED
    }
}

/// TCP behind a valve.
#[derive(Debug)]
struct Pipe {
    tcp: TcpStream,
    valve: Valve,
}

/// What the dialog talks through.
#[derive(Debug)]
pub(super) struct Wire {
    peer: SocketAddr,
    /// What was said before the dialog began, to be read first.
    before: io::Cursor<Vec<u8>>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Plain(Pipe),
    Tls(Box<TlsStream<Pipe>>),
}

/// What TLS trusts.
///
/// # Errors
/// Says which certificates are missing.
pub(super) fn trust(config: &MailConfig) -> Result<Option<Arc<ClientConfig>>, String> {
    if config.tls == Tls::None {
        return Ok(None);
    }
    let mut extra: Vec<CertificateDer<'static>> = Vec::new();
    if let Some(path) = &config.ca_file {
        let unusable = |why: &dyn std::fmt::Display| format!("ca_file: {}: {why}", path.display());
        let found = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
        for certificate in found {
            extra.push(certificate.map_err(|error| unusable(&error))?);
        }
        if extra.is_empty() {
            return Err(unusable(&"it holds no certificate"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|error| {
            format!("tls: {error}; install this machine's ca-certificates, or name a ca_file")
        })?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Some(Arc::new(client)))
}

/// Connects, as the configuration protects it.
///
/// # Errors
/// What could not be done; nothing of a mail was sent.
pub(super) async fn connect(
    config: &MailConfig,
    trust: Option<&Arc<ClientConfig>>,
    valve: Valve,
) -> io::Result<Wire> {
    let name = config.server.trim_start_matches('[').trim_end_matches(']');
    let tcp = tokio::time::timeout(CONNECT, TcpStream::connect((name, config.port()))).await;
    let tcp = tcp.map_err(|_| io::Error::other("it does not answer"))??;
    tcp.set_nodelay(true)?;
    let peer = tcp.peer_addr()?;
    if config.tls == Tls::None && !peer.ip().is_loopback() {
        return Err(io::Error::other("it is not on this machine, and tls is \"none\""));
    }
    let mut pipe = Pipe { tcp, valve };
    let mut before = Vec::new();
    if config.tls == Tls::Starttls {
        before = starttls(&mut pipe).await?;
    }
    let way = match trust {
        None => Way::Plain(pipe),
        Some(trust) => {
            let server = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
            let tls = TlsConnector::from(Arc::clone(trust)).connect(server, pipe).await?;
            Way::Tls(Box::new(tls))
        }
    };
    Ok(Wire { peer, before: io::Cursor::new(before), way })
}

/// Asks for TLS and gives back the greeting.
async fn starttls(pipe: &mut Pipe) -> io::Result<Vec<u8>> {
    let greeting = reply(pipe, b"220").await?;
    pipe.write_all(b"EHLO [127.0.0.1]\r\n").await?;
    let said = reply(pipe, b"250").await?;
    let said = String::from_utf8_lossy(&said).to_uppercase();
    if !said.lines().any(|line| line.get(4..).is_some_and(|word| word.trim() == "STARTTLS")) {
        return Err(io::Error::other("it has no STARTTLS, and mail is not sent in the clear"));
    }
    pipe.write_all(b"STARTTLS\r\n").await?;
    reply(pipe, b"220").await?;
    Ok(greeting)
}

/// One answer, not a byte more.
async fn reply(pipe: &mut Pipe, wanted: &[u8]) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    let mut line = 0;
    while said.len() < REPLY_MAX {
        said.push(pipe.read_u8().await?);
        if !said.ends_with(b"\n") {
            continue;
        }
        if !said[line..].starts_with(wanted) {
            let shown = String::from_utf8_lossy(&said[line..]);
            return Err(io::Error::other(format!("it answered {:?}", shown.trim())));
        }
        if said.get(line + 3) != Some(&b'-') {
            return Ok(said);
        }
        line = said.len();
    }
    Err(io::Error::other("its answer is too long"))
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.before.position() < wire.before.get_ref().len() as u64 {
            return Pin::new(&mut wire.before).poll_read(context, buffer);
        }
        match &mut wire.way {
            Way::Plain(pipe) => Pin::new(pipe).poll_read(context, buffer),
            Way::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().way {
            Way::Plain(pipe) => Pin::new(pipe).poll_write(context, bytes),
            Way::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().way {
            Way::Plain(pipe) => Pin::new(pipe).poll_flush(context),
            Way::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().way {
            Way::Plain(pipe) => Pin::new(pipe).poll_shutdown(context),
            Way::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.valve.0.load(Ordering::SeqCst) == SHUT {
            return Poll::Ready(Err(io::Error::other("the connection is shut")));
        }
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(_))) {
            let marked =
                self.valve.0.compare_exchange(MARKED, PASSED, Ordering::SeqCst, Ordering::SeqCst);
            // In any other state there is nothing to note.
            let _ = marked;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
