//! Who asks. The one file that knows keys.
//!
//! While no key was ever made the node is open, to its own machine alone: the listener is on a
//! loopback address, and a request must neither come from a page of another site nor name another
//! host, so that no web page reaches the node through its user's browser. Whoever can read the
//! node's data directory may do there what its operator may: a command shows that it can with the
//! token that the node leaves in it, so that lost keys never lock the operator out.

use crate::{call::Caller, fault::Fault};
use autoos_guard::{DEFAULT_TENANT, Denied, KeyInfo, Keys, Secret};
use axum::http::{HeaderMap, Uri, header, uri::Authority};
use std::net::{IpAddr, SocketAddr};

/// What callers are called while no key tells them apart.
const NOBODY: &str = "local";

/// Marks a request of the process that holds the data directory; no request from a port has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner;

impl Owner {
    pub(crate) fn caller() -> Caller {
        Caller { tenant: DEFAULT_TENANT.to_owned(), name: NOBODY.to_owned() }
    }
}

/// What a node leaves in its data directory for commands on its own machine.
#[derive(Clone)]
pub struct OwnerToken(String);

impl OwnerToken {
    /// The header that it is sent in.
    pub const HEADER: &'static str = "x-autoos-owner";

    /// Keeps a token; it must be hard to guess.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, to be left where only the operator reads it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Knows who may come in.
pub(crate) struct Auth {
    keys: Keys,
    /// A hash, since comparing two takes the same time wherever they differ.
    owner: Option<blake3::Hash>,
}

impl Auth {
    pub(crate) fn new(keys: Keys, owner: Option<OwnerToken>) -> Self {
        Self { keys, owner: owner.map(|token| blake3::hash(token.0.as_bytes())) }
    }

    /// Whether a request shows that its sender can read the data directory of this machine's node.
    pub(crate) fn is_owner(&self, headers: &HeaderMap, peer: Option<SocketAddr>) -> bool {
        let shown = headers.get(OwnerToken::HEADER).map(|token| blake3::hash(token.as_bytes()));
        is_loopback(peer) && self.owner.is_some() && shown == self.owner
    }

    /// Whether everyone on this machine may come in.
    pub(crate) fn is_open(&self) -> bool {
        self.keys.is_open()
    }

    /// Who sent a request with these headers.
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        peer: Option<SocketAddr>,
    ) -> Result<Caller, Fault> {
        if self.keys.is_open() {
            from_here(headers, uri, peer)?;
        }
        let caller = self.keys.check(presented(headers)).map_err(|denied| match denied {
            Denied::Missing | Denied::Invalid => Fault::Unauthenticated(denied.to_string()),
            other => Fault::Internal(other.to_string()),
        })?;
        let name = caller.key_id.as_deref().unwrap_or(NOBODY);
        Ok(Caller { tenant: caller.tenant.as_ref().to_owned(), name: name.to_owned() })
    }

    /// Makes a key, for the caller's own tenant or, by the operator's, for any.
    pub(crate) async fn create(
        &self,
        caller: &Caller,
        name: &str,
        tenant: Option<&str>,
    ) -> Result<(KeyInfo, Secret), Fault> {
        let tenant = tenant.unwrap_or(&caller.tenant);
        if !sees(caller, tenant) {
            return Err(Fault::Forbidden(format!(
                "a key of tenant {} makes no keys for others",
                caller.tenant
            )));
        }
        Ok(self.keys.create(name, tenant).await?)
    }

    /// The keys that the caller may see.
    pub(crate) fn list(&self, caller: &Caller) -> Vec<KeyInfo> {
        let keys = self.keys.list().into_iter();
        keys.filter(|key| sees(caller, &key.tenant)).collect()
    }

    /// Ends a key. The last one too: then nobody gets in until one is made on the node itself.
    pub(crate) async fn revoke(&self, caller: &Caller, id: &str) -> Result<KeyInfo, Fault> {
        if !self.list(caller).iter().any(|key| &*key.id == id) {
            return Err(Fault::Missing(format!("there is no API key {id:.64}")));
        }
        Ok(self.keys.revoke(id).await?)
    }
}

/// Keys of the default tenant are the operator's and see those of all.
fn sees(caller: &Caller, tenant: &str) -> bool {
    caller.tenant == tenant || caller.tenant == DEFAULT_TENANT
}

/// The key that came with a request, in either header.
fn presented(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok();
    }
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Refuses what another machine, or a page of another site, asks of an open node.
fn from_here(headers: &HeaderMap, uri: &Uri, peer: Option<SocketAddr>) -> Result<(), Fault> {
    let refuse = |what: &str| {
        Err(Fault::Unauthenticated(format!(
            "no API key exists, so only this machine is served, and {what}"
        )))
    };
    if !is_loopback(peer) {
        return refuse("this request comes from another");
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let host: Option<Authority> = host.or_else(|| uri.authority().cloned());
    if host.is_some_and(|host| !is_local(host.host())) {
        return refuse("this request names another host");
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        if !origin.is_some_and(|origin| origin.host().is_some_and(is_local)) {
            return refuse("this request comes from a page of another site");
        }
    }
    Ok(())
}

/// Whether a request comes from this machine.
pub(crate) fn is_loopback(peer: Option<SocketAddr>) -> bool {
    peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}

fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn asked(name: header::HeaderName, value: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        from_here(&headers, &Uri::from_static("/x"), Some(([127, 0, 0, 1], 9).into())).is_ok()
    }

    #[test]
    fn an_open_node_serves_its_own_machine_and_no_other_sites_pages() {
        for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.9.9.9"] {
            assert!(asked(header::HOST, host), "{host}");
        }
        for host in ["evil.example:8000", "10.0.0.7", "localhost.evil.example"] {
            assert!(!asked(header::HOST, host), "{host}");
        }
        assert!(asked(header::ORIGIN, "http://localhost:3000"));
        assert!(!asked(header::ORIGIN, "https://evil.example"));
        assert!(!asked(header::ORIGIN, "null"));
        let from = |peer| from_here(&HeaderMap::new(), &Uri::from_static("/x"), peer).is_ok();
        assert!(from(Some(([0, 0, 0, 0, 0, 0xffff, 0x7f00, 1], 9).into())));
        assert!(!from(Some(([192, 168, 0, 7], 9).into())) && !from(None));
    }

    #[test]
    fn a_key_rides_in_either_header() {
        let with = |name: &'static str, value: &'static str| {
            let name = header::HeaderName::from_static(name);
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            presented(&headers).map(str::to_owned)
        };
        assert_eq!(with("x-api-key", "aos_1").as_deref(), Some("aos_1"));
        assert_eq!(with("authorization", "Bearer aos_1").as_deref(), Some("aos_1"));
        assert_eq!(with("authorization", "Basic aos_1"), None);
    }
}
