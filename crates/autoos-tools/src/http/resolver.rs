//! Names to addresses, without those that are somebody's inside.
//!
//! The connection is made to what this returns and to nothing else, so that a name which changes
//! its address between two look-ups gains nothing.

use super::address;
use futures::{FutureExt, future::BoxFuture};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// How names become addresses.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The operating system's way.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    })
}

/// A name had inside addresses only.
#[derive(Debug, thiserror::Error)]
#[error("{name} is at an internal address")]
pub(super) struct Inside {
    pub(super) name: String,
}

/// Looks names up; with `filtered`, keeps only global addresses.
pub(super) struct Resolver {
    pub(super) lookup: Lookup,
    pub(super) filtered: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, filtered) = (Arc::clone(&self.lookup), self.filtered);
        async move {
            let name = name.as_str().to_owned();
            let mut found = lookup(name.clone()).await?;
            let any = !found.is_empty();
            if filtered {
                found.retain(|address| address::is_global(*address));
            }
            if any && found.is_empty() {
                return Err(Inside { name }.into());
            }
            let addresses: Addrs =
                Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        }
        .boxed()
    }
}
