//! Which URL may be asked, before anything is connected.
//!
//! The URL parser has already brought every spelling of an address (decimal, octal, hexadecimal,
//! shortened, full-width) to its plain form. An address written in the URL is judged here; a name
//! is judged by what it resolves to, at the moment of connecting ([`super::resolver`]).

use super::address;
use crate::Failure;
use reqwest::Url;
use std::net::IpAddr;

/// Hosts that an operator opened whatever their address.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowList(Vec<(String, Option<u16>)>);

/// How a URL that may be asked is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Only at global addresses.
    Filtered,
    /// Wherever it is: it is on the allow-list.
    Open,
}

impl AllowList {
    /// Entries are `name`, `name:port`, `127.0.0.1:port`, `[::1]:port`.
    pub(super) fn new(entries: &[String]) -> Self {
        Self(entries.iter().map(|entry| split(&entry.trim().to_lowercase())).collect())
    }

    fn holds(&self, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|(name, wanted)| name == host && (wanted.is_none() || *wanted == port))
    }
}

fn split(entry: &str) -> (String, Option<u16>) {
    let port = entry.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match port {
        // A bare IPv6 address has colons and no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host.to_owned(), Some(port))
        }
        _ if entry.parse::<std::net::Ipv6Addr>().is_ok() => (format!("[{entry}]"), None),
        _ => (entry.to_owned(), None),
    }
}

/// Reads a URL and judges it.
///
/// # Errors
/// [`Failure::Invalid`] for what is no URL, [`Failure::Denied`] for one that must not be asked.
pub(super) fn read(text: &str, allowed: &AllowList) -> Result<(Url, Way), Failure> {
    if text.len() > 8192 {
        return Err(Failure::Invalid("the URL is longer than 8192 bytes".to_owned()));
    }
    let url = Url::parse(text.trim()).map_err(|error| {
        Failure::Invalid(format!("{text:?} is no URL ({error}); write https://host/path"))
    })?;
    judge(&url, allowed).map(|way| (url, way))
}

/// # Errors
/// As [`read`].
pub(super) fn judge(url: &Url, allowed: &AllowList) -> Result<Way, Failure> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::Denied(format!("{}: only http and https are asked", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::Denied(
            "the URL holds a user name or password before \"@\"; remove it".to_owned(),
        ));
    }
    let Some(host) = url.host_str() else {
        return Err(Failure::Invalid("the URL names no host".to_owned()));
    };
    if allowed.holds(host, url.port_or_known_default()) {
        return Ok(Way::Open);
    }
    // These names mean loopback by definition, whatever a resolver makes of them.
    let name = host.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return Err(denied(host, url));
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !address::is_global(address) => Err(denied(host, url)),
        _ => Ok(Way::Filtered),
    }
}

/// What is said of a host at an inside address.
pub(super) fn denied(host: &str, url: &Url) -> Failure {
    let port = url.port_or_known_default().unwrap_or(80);
    Failure::Denied(format!(
        "{host} is at a loopback, private or otherwise internal address, which tools do not ask; \
         an operator can open it with the allowed host {host}:{port}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allow_list_means_host_and_port() {
        let list = ["127.0.0.1:8080", "intranet.example", "[::1]:9", "::1"].map(str::to_owned);
        let list = AllowList::new(&list);
        let judge = |text: &str| read(text, &list).map(|(_, way)| way);
        for open in [
            "http://127.0.0.1:8080/x",
            "http://0x7f.1:8080/",
            "https://INTRANET.example/",
            "http://intranet.example:81",
            "http://[::1]:9/",
            "http://[::1]/",
        ] {
            assert_eq!(judge(open), Ok(Way::Open), "{open}");
        }
        for closed in ["http://127.0.0.1/", "http://127.0.0.1:8081/", "http://127.0.0.2:8080/"] {
            assert!(matches!(judge(closed), Err(Failure::Denied(_))), "{closed}");
        }
        assert_eq!(judge("http://intranet.example.evil.com/"), Ok(Way::Filtered));
    }
}
