//! How mail is sent, as an operator configures it, and what is checked of it at the start.

use lettre::message::Mailbox;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, net::IpAddr, path::PathBuf};

/// Smallest and largest bound of one mail, in bytes.
const BYTES: (u64, u64) = (1024, 100 * 1024 * 1024);
/// Shortest and longest patience with a server, in milliseconds.
const TIMEOUT_MS: (u64, u64) = (1_000, 600_000);

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// The server that takes mail: a name or an address.
    pub server: String,
    /// Its port; 465, 587 or 25 by `tls` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whom mail is from: `address` or `Name <address>`. Its domain ends every Message-ID.
    pub from: String,
    /// The account, where the server asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Where the account's password is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// Certificate authorities (PEM) that are trusted besides the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Who may be written to: `@example.com` for a domain (not those below it), `ann@example.com`
    /// for one, `*` for anybody. Nobody unless given.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Largest mail as it is sent, in bytes.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// How long one mail may take, from connecting to the server's answer.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

fn max_bytes() -> u64 {
    25 * 1024 * 1024
}

fn timeout_ms() -> u64 {
    60_000
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// From the first byte.
    #[default]
    Required,
    /// After asking for it; a server that has none is not used.
    Starttls,
    /// Not at all, for a server on this machine only.
    None,
}

impl MailConfig {
    /// A server, a sender, and the rest as it is unless given.
    pub fn new(server: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            port: None,
            from: from.into(),
            username: None,
            password: None,
            tls: Tls::default(),
            ca_file: None,
            allow: Vec::new(),
            max_bytes: max_bytes(),
            timeout_ms: timeout_ms(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Required => 465,
            Tls::Starttls => 587,
            Tls::None => 25,
        })
    }

    /// # Errors
    /// Says which field is wrong and what belongs there.
    pub(super) fn check(&self) -> Result<Checked, String> {
        let from = mailbox(&self.from).map_err(|why| format!("from: {why}"))?;
        let loopback = self.server == "localhost"
            || self.server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if self.server.trim().is_empty() {
            return Err("server: name the server that takes mail".to_owned());
        }
        if self.tls == Tls::None && !loopback {
            return Err(format!(
                "tls: \"none\" is for a server on this machine, and {} may be another; say \
                 \"required\" or \"starttls\"",
                self.server
            ));
        }
        within("max_bytes", self.max_bytes, BYTES)?;
        within("timeout_ms", self.timeout_ms, TIMEOUT_MS)?;
        let allow = self.allow.iter().map(|entry| Allowed::read(entry));
        let allow = allow.collect::<Result<_, _>>().map_err(|why| format!("allow: {why}"))?;
        let login = match (&self.username, &self.password) {
            (None, None) => None,
            (Some(user), Some(password)) => {
                let password = password.resolve().map_err(|why| format!("password: {why}"))?;
                Some((user.clone(), password))
            }
            (Some(_), None) => {
                return Err("password: say where it is, `env:NAME` or `file:PATH`".to_owned());
            }
            (None, Some(_)) => return Err("username: it is missing beside password".to_owned()),
        };
        Ok(Checked { from, allow, login })
    }
}

fn within(name: &str, value: u64, (least, most): (u64, u64)) -> Result<(), String> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(format!("{name}: {value} is not between {least} and {most}")),
    }
}

/// What a configuration comes to.
pub(super) struct Checked {
    pub(super) from: Mailbox,
    pub(super) allow: Vec<Allowed>,
    pub(super) login: Option<(String, String)>,
}

/// Reads `address` or `Name <address>`. Nothing that could begin another line or command passes.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("an address holds a control character or a line break; remove it".to_owned());
    }
    let mailbox: Mailbox = text
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is no address; write ann@example.com"))?;
    let address: &str = mailbox.email.as_ref();
    match address.is_ascii() {
        true => Ok(mailbox),
        false => Err(format!(
            "{text:?} has an address beyond ASCII, which few servers take; write its domain as \
             xn--…"
        )),
    }
}

/// Someone who may be written to; in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    Anybody,
    Domain(String),
    One(String),
}

impl Allowed {
    fn read(entry: &str) -> Result<Self, String> {
        let entry = entry.trim().to_lowercase();
        match entry.strip_prefix('@') {
            _ if entry == "*" => Ok(Self::Anybody),
            Some(domain) if !domain.is_empty() && !domain.contains(['@', ' ', '*']) => {
                Ok(Self::Domain(domain.to_owned()))
            }
            None if mailbox(&entry).is_ok() => Ok(Self::One(entry)),
            _ => Err(format!(
                "{entry:?} is neither @example.com for a domain, nor ann@example.com for one, nor *"
            )),
        }
    }

    pub(super) fn holds(&self, mailbox: &Mailbox) -> bool {
        match self {
            Self::Anybody => true,
            Self::Domain(domain) => mailbox.email.domain().to_lowercase() == *domain,
            Self::One(one) => AsRef::<str>::as_ref(&mailbox.email).to_lowercase() == *one,
        }
    }
}

/// Where a secret is: `env:NAME` or `file:PATH`. A text that is neither is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, white space at its end not counted.
    File(PathBuf),
    /// Written out where a reference belongs.
    Plain,
}

impl SecretRef {
    /// Reads a reference.
    pub fn parse(text: &str) -> Self {
        match (text.strip_prefix("env:"), text.strip_prefix("file:")) {
            (Some(name), _) => Self::Env(name.to_owned()),
            (_, Some(path)) => Self::File(path.into()),
            _ => Self::Plain,
        }
    }

    fn resolve(&self) -> Result<String, String> {
        let text = match self {
            Self::Env(name) => std::env::var(name)
                .map_err(|_| format!("the environment has no {name}: set it or name another"))?,
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {}", path.display(), error.kind()))?,
            Self::Plain => {
                return Err("say where it is, `env:NAME` or `file:PATH`, and not what".to_owned());
            }
        };
        match text.trim() {
            "" => Err(format!("{self} is empty")),
            text if text.chars().any(char::is_control) => {
                Err(format!("{self} is more than one line"))
            }
            text => Ok(text.to_owned()),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Plain => f.write_str("…"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> MailConfig {
        MailConfig::new("mail.example.com", "Reports <reports@example.com>")
    }

    #[test]
    fn says_which_field_is_wrong() {
        config().check().expect("a good one");
        type Spoil = fn(&mut MailConfig);
        let wrong: [(&str, Spoil); 8] = [
            ("from: ", |c| c.from = "nobody".into()),
            ("from: ", |c| c.from = "a@b.c\r\nBcc: x@y.z".into()),
            ("server: ", |c| c.server = " ".into()),
            ("tls: ", |c| c.tls = Tls::None),
            ("allow: ", |c| c.allow = vec!["example.com".into()]),
            ("max_bytes: ", |c| c.max_bytes = 1),
            ("password: ", |c| c.username = Some("ann".into())),
            ("password: ", |c| {
                c.username = Some("ann".into());
                c.password = Some(SecretRef::parse("hunter2"));
            }),
        ];
        for (said, spoil) in wrong {
            let mut config = config();
            spoil(&mut config);
            let why = config.check().err().expect("it is wrong");
            assert!(why.starts_with(said) && !why.contains("hunter2"), "{why}");
            assert!(!format!("{config:?}").contains("hunter2"));
        }
        for server in ["localhost", "127.0.0.1", "::1"] {
            let config = MailConfig { server: server.into(), tls: Tls::None, ..config() };
            config.check().expect("on this machine");
        }
    }

    #[test]
    fn the_allow_list_means_what_it_says() {
        let allowed = |entry: &str, who: &str| {
            Allowed::read(entry).expect("an entry").holds(&mailbox(who).expect("an address"))
        };
        assert!(allowed("@Example.com", "Ann <ann@EXAMPLE.com>"));
        assert!(allowed("ann@example.com", "Ann@example.com"));
        assert!(allowed("*", "x@anywhere.org"));
        for (entry, who) in [
            ("@example.com", "ann@sub.example.com"),
            ("@example.com", "ann@example.com.evil.org"),
            ("@example.com", "ann@notexample.com"),
            ("@example.com", "\"ann@example.com\" <ann@evil.org>"),
            ("ann@example.com", "joann@example.com"),
        ] {
            assert!(!allowed(entry, who), "{entry} {who}");
        }
    }
}
