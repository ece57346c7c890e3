//! The configuration: one TOML file, each part documented and defaulted where it is used.
//!
//! The environment overrides where it has a word for it; fields that nobody knows are refused.

use anyhow::{Context as _, bail};
use autoos_kernel::account::{Limit, Period};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The most that can be a limit: a million dollars.
const USD_MAX: f64 = 1e6;

/// Everything that can be configured; the empty file is a good configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where everything is kept; the platform's data directory where nothing is said.
    pub(crate) data_dir: Option<PathBuf>,
    /// Who answers, and for which roles.
    pub(crate) fabric: autoos_fabric::FabricConfig,
    /// How much runs at once, and what an intent may cost.
    pub(crate) runtime: autoos_runtime::Options,
    /// What tenants and users may spend.
    pub(crate) accounts: Accounts,
    /// What tools may touch.
    pub(crate) tools: Tools,
    /// How mail is sent; without it there is no `mail.send`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mail: Option<autoos_tools::mail::MailConfig>,
    /// Where escalations are told of; nowhere where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<autoos_gateway::WebhookOptions>,
    /// Where traces go; nowhere where no endpoint is named.
    pub(crate) telemetry: autoos_otlp::Options,
    /// How the journal's checkpoints are signed.
    pub(crate) audit: Audit,
    /// Limits of the edge.
    pub(crate) gateway: autoos_gateway::Options,
}

/// What tenants and users may spend. A limit that stands here is set at every start; `autoos account
/// set` sets those of others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Accounts {
    /// The limits.
    pub(crate) limits: Vec<LimitConfig>,
}

/// What one of them may spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitConfig {
    /// The tenant.
    pub(crate) tenant: String,
    /// One of its users; all of them together where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// So many dollars.
    pub(crate) usd: f64,
    /// After how long it begins anew, in UTC: `day`, `month`, or `total`, which is never.
    #[serde(default)]
    pub(crate) per: Period,
}

impl LimitConfig {
    /// The same in micro-dollars.
    pub(crate) fn limit(&self) -> anyhow::Result<Limit> {
        if !(0.0..=USD_MAX).contains(&self.usd) {
            bail!("usd is {:?}, and must be in 0..={USD_MAX}", self.usd);
        }
        // In range, so neither the sign nor the size is lost.
        Ok(Limit { microusd: (self.usd * 1e6).round() as u64, period: self.per })
    }
}

/// How the journal's checkpoints are signed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    /// A file that gets every checkpoint as a line of JSON; on other storage it shows even a
    /// history that was written anew with the node's own key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) witness: Option<PathBuf>,
    /// An event is covered by a checkpoint after so many seconds at the latest; 60 where nothing
    /// is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) every_s: Option<u64>,
}

impl Audit {
    /// The same for the keeper, which keeps its files in a data directory.
    pub(crate) fn options(&self, dir: &Path) -> autoos_audit::Options {
        let mut options = autoos_audit::Options::new(dir.join("audit"));
        options.witness.clone_from(&self.witness);
        if let Some(seconds) = self.every_s {
            options.every = std::time::Duration::from_secs(seconds.max(1));
        }
        options
    }
}

/// What tools may touch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tools {
    /// Folders whose files tools may read; context files may be read besides.
    pub(crate) roots: Vec<PathBuf>,
    /// Folders in which tools may write.
    pub(crate) write_roots: Vec<PathBuf>,
    /// Hosts, `name` or `name:port`, that `http.get` may ask although they are not public.
    pub(crate) allow_hosts: Vec<String>,
    /// Programs as tools.
    pub(crate) process: Vec<autoos_tools::process::ProcessConfig>,
}

impl Config {
    /// Reads the file, or the defaults where none is given.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("in the configuration {}", path.display()))
    }

    /// The tools that are configured, with what they keep in a data directory.
    pub(crate) fn registry(&self, dir: &Path) -> autoos_tools::Builder {
        autoos_tools::Registry::builder()
            .roots(self.tools.roots.clone())
            .write_roots(self.tools.write_roots.clone())
            .allow_hosts(self.tools.allow_hosts.clone())
            .mail(self.mail.clone())
            .processes(self.tools.process.clone())
            .data_dir(dir.join("tools"))
    }

    /// Where everything is kept.
    pub(crate) fn data_dir(&self, given: Option<&Path>) -> anyhow::Result<PathBuf> {
        if let Some(path) = given.or(self.data_dir.as_deref()) {
            return Ok(path.to_owned());
        }
        match directories::ProjectDirs::from("", "", "autoos") {
            Some(dirs) => Ok(dirs.data_dir().to_owned()),
            None => bail!("no home directory is known: say --data-dir DIR"),
        }
    }
}
