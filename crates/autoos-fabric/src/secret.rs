//! Secrets by reference: a configuration names where a key is, never the key.
//!
//! [`Secret`] keeps the text out of `Debug`, out of serialisation and out of freed memory.
//! Left out: secrets at rest (the guard's), and changing a key while the node runs.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// A secret's text; it has no `Display` and cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is: `env:NAME` or `file:PATH`.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, white space at its end not counted.
    File(PathBuf),
    /// The text itself. Headers may be written like this; keys may not, and a key that is
    /// written out in a configuration is refused without being repeated.
    Plain(Secret),
}

impl SecretRef {
    /// Reads a reference; what is none is taken as the text itself.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(name) = text.strip_prefix("env:") {
            Self::Env(name.to_owned())
        } else if let Some(path) = text.strip_prefix("file:") {
            Self::File(PathBuf::from(path))
        } else {
            Self::Plain(Secret::new(text.to_owned()))
        }
    }

    /// Fetches the secret.
    ///
    /// # Errors
    /// A sentence that says what is missing and never what was found.
    pub fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, String> {
        let text = match self {
            Self::Env(name) => env(name)
                .ok_or_else(|| format!("the environment has no {name}: set it or name another"))?,
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|e| format!("cannot read {}: {}", path.display(), e.kind()))?,
            Self::Plain(secret) => return Ok(secret.clone()),
        };
        let text = Zeroizing::new(text);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(format!("{self} is empty"));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(format!("{self} is more than one line"));
        }
        Ok(Secret::new(trimmed.to_owned()))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Plain(_) => f.write_str("…"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRef({self})")
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

    #[test]
    fn a_secret_shows_itself_nowhere() {
        let plain = SecretRef::parse("canary");
        let shown = format!("{plain:?} {plain} {}", serde_json::to_string(&plain).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!format!("{:?}", Secret::new("canary".into())).contains("canary"));
    }

    #[test]
    fn references_are_followed_and_trimmed() {
        let env = |name: &str| (name == "KEY").then(|| " value\n".to_owned());
        assert_eq!(SecretRef::parse("env:KEY").resolve(&env).unwrap().expose(), "value");
        assert!(SecretRef::parse("env:NONE").resolve(&env).unwrap_err().contains("NONE"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let by_file = SecretRef::parse(&format!("file:{}", file.path().display()));
        assert!(by_file.resolve(&env).unwrap_err().ends_with("is empty"));
        std::fs::write(file.path(), "from-file\n").unwrap();
        assert_eq!(by_file.resolve(&env).unwrap().expose(), "from-file");
        std::fs::write(file.path(), "one\ntwo-canary").unwrap();
        let error = by_file.resolve(&env).unwrap_err();
        assert!(error.contains("more than one line") && !error.contains("canary"), "{error}");
    }
}
