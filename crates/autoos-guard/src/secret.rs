//! The secret of an API key: made of 32 random bytes, shown once, never printed.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What every API key begins with, so that people and scanners know one when they see it.
pub(crate) const PREFIX: &str = "aos_";
/// Secret bytes in a key.
const BYTES: usize = 32;
/// RFC 4648's alphabet in lower case: no character that a shell or a URL would mind.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The text of an API key. Wiped when dropped; `Debug` shows nothing of it, and there is no
/// `Display`: whoever shows it says so by [`Self::expose`].
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// A new one, from the operating system's randomness.
    pub(crate) fn random() -> Self {
        let mut bytes: [u8; BYTES] = rand::random();
        let secret = Self(format!("{PREFIX}{}", base32(&bytes)));
        bytes.zeroize();
        secret
    }

    /// The text, for the one time that it is shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// RFC 4648 base 32 without padding, in lower case.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0u16, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[usize::from(buffer >> bits) & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[usize::from(buffer << (5 - bits)) & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_the_rfc_has_it() {
        let pairs = [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ];
        for (plain, encoded) in pairs {
            assert_eq!(base32(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn carries_256_bits_and_prints_nothing() {
        let (one, two) = (Secret::random(), Secret::random());
        assert_ne!(one, two);
        // 52 characters of 5 bits hold 256.
        assert_eq!(one.expose().len(), PREFIX.len() + 52);
        assert_eq!(format!("{one:?} {:?}", Some(&one)), "[secret] Some([secret])");
    }
}
