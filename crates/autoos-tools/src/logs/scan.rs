//! Cutting the parts of a log line's head: levels, bracketed groups, tags, names, numbers.
//!
//! Each function looks at the start of a text and says how much of it the part takes. Which parts
//! a log has, and in what order, is learned in `layout`.

use super::level::Severity;

/// A part found at the start of a text: what it says and how many bytes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut<'a> {
    /// The text of the part, without brackets and colons.
    pub(super) text: &'a str,
    /// Bytes taken.
    pub(super) len: usize,
}

/// What separates the parts of a head: skipped before each part.
pub(super) fn after_separators(text: &str) -> &str {
    let mut rest = text;
    loop {
        let next = rest.trim_start_matches([' ', '\t', ']', ')', ',', '|', ':']);
        let next = match next.as_bytes() {
            [b'-' | b'>', b' ' | b'\t', ..] => &next[1..],
            [b'-', b'-', b'-', b' ', ..] => &next[3..],
            _ => next,
        };
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// A level word, bare or in brackets; `[core:error]` and `level=error` count.
pub(super) fn level(text: &str) -> Option<(Severity, usize)> {
    let b = text.as_bytes();
    let (open, close) = match b.first()? {
        b'[' => (1, b']'),
        b'<' => (1, b'>'),
        b'(' => (1, b')'),
        _ => (0, 0),
    };
    if open == 1 {
        let end = b.iter().take(40).position(|c| *c == close)?;
        let inner = text.get(1..end)?.trim();
        let word = inner.rsplit(':').next().unwrap_or(inner);
        return Severity::of_word(word).map(|severity| (severity, end + 1));
    }
    let skip = ["level=", "lvl=", "severity="]
        .iter()
        .find(|k| text.starts_with(**k))
        .map_or(0, |k| k.len());
    let len = b[skip..].iter().take(14).take_while(|c| c.is_ascii_alphabetic()).count();
    let severity = Severity::of_word(text.get(skip..skip + len)?)?;
    match b.get(skip + len) {
        None | Some(b' ' | b'\t' | b':' | b',' | b'|' | b']' | b';') => {
            Some((severity, skip + len))
        }
        // `WARN-` and `ERROR/` lead to further parts; a lower-case word there is only a word.
        Some(b'-' | b'/' | b'.') if b[skip].is_ascii_uppercase() => Some((severity, skip + len)),
        _ => None,
    }
}

/// A level of one letter, as in `W Tag:` and `E/Tag(12):`.
pub(super) fn letter(text: &str) -> Option<(Severity, usize)> {
    match text.as_bytes() {
        [letter, b' ' | b'/' | b':' | b'|' | b'\t', ..] => {
            Severity::of_letter(*letter).map(|s| (s, 1))
        }
        _ => None,
    }
}

/// A bracketed group, brackets nested.
pub(super) fn bracket(text: &str) -> Option<Cut<'_>> {
    let b = text.as_bytes();
    let (open, close) = match b.first()? {
        b'[' => (b'[', b']'),
        b'(' => (b'(', b')'),
        _ => return None,
    };
    let mut depth = 0;
    for (i, c) in b.iter().enumerate().take(300) {
        if *c == open {
            depth += 1;
        } else if *c == close {
            depth -= 1;
            if depth == 0 {
                return Some(Cut { text: text.get(1..i)?, len: i + 1 });
            }
        }
    }
    None
}

/// A whitespace-delimited token.
pub(super) fn token(text: &str) -> Option<Cut<'_>> {
    let len = text.bytes().position(|c| c <= b' ').unwrap_or(text.len());
    (len > 0).then(|| Cut { text: &text[..len], len })
}

/// A token of digits (`123`, `31#31`), with a colon or comma behind it at most.
pub(super) fn integer(text: &str) -> Option<Cut<'_>> {
    let cut = token(text)?;
    let digits = cut.text.trim_end_matches([':', ',', ';', '|']);
    let number = digits.len() <= 12
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|c| c.is_ascii_digit() || c == b'#');
    number.then_some(Cut { text: digits, len: cut.len })
}

/// `sshd[123]:`, `su(pam_unix)[7]:`, `dfs.DataNode$Worker:`, `launchd[1] (com.x):`, `PhoneBar :`.
pub(super) fn tag(text: &str) -> Option<Cut<'_>> {
    let b = text.as_bytes();
    let name = b.iter().take(160).take_while(|c| is_tag_byte(**c)).count();
    if name == 0 || !b[..name].iter().any(u8::is_ascii_alphabetic) {
        return None;
    }
    let mut at = name;
    // A version, as in `syslogd 1.4.1:`.
    if b.get(at) == Some(&b' ') && b.get(at + 1).is_some_and(u8::is_ascii_digit) {
        let version = b[at + 1..].iter().take_while(|c| c.is_ascii_digit() || **c == b'.').count();
        if b.get(at + 1 + version) == Some(&b':') && b[at + 1..at + 1 + version].contains(&b'.') {
            at += 1 + version;
        }
    }
    for _ in 0..3 {
        if matches!(b.get(at), Some(b'[' | b'(')) {
            at += bracket(text.get(at..)?)?.len;
        } else if b.get(at) == Some(&b' ') && b.get(at + 1) == Some(&b'(') && at > name {
            at += 1 + bracket(text.get(at + 1..)?)?.len;
        }
    }
    while b.get(at) == Some(&b' ') {
        at += 1;
    }
    if b.get(at) != Some(&b':') || !matches!(b.get(at + 1), None | Some(b' ' | b'\t')) {
        return None;
    }
    Some(Cut { text: text.get(..name)?, len: at + 1 })
}

fn is_tag_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, b'_' | b'.' | b'/' | b'$' | b'@' | b'#' | b'*' | b'-' | b'+')
}

/// A host and a tag after it, as syslog writes them.
pub(super) fn host_and_tag(text: &str) -> Option<Cut<'_>> {
    let host = token(text)?;
    if host.text.ends_with(':') || host.text.contains(['[', '=', '(', '"']) {
        return None;
    }
    tag(after_spaces(&text[host.len..])).map(|_| host)
}

/// A dotted name, as loggers are named: `nova.api.wsgi`.
pub(super) fn dotted_name(text: &str) -> Option<Cut<'_>> {
    let cut = token(text)?;
    let fits = cut.text.contains('.')
        && cut
            .text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'$' | b'-'))
        && cut.text.as_bytes()[0].is_ascii_alphabetic()
        && !cut.text.ends_with('.');
    fits.then_some(cut)
}

/// What stands before ` - ` among the first three tokens.
pub(super) fn until_dash(text: &str) -> Option<Cut<'_>> {
    let at = text.get(..text.len().min(120)).or(Some(text))?.find(" - ")?;
    let before = &text[..at];
    (at > 0 && before.split_whitespace().count() <= 3).then_some(Cut { text: before, len: at + 3 })
}

/// A token that is padded to a column.
pub(super) fn padded(text: &str) -> Option<Cut<'_>> {
    let cut = token(text)?;
    (text[cut.len..].starts_with("  ") && !cut.text.ends_with([',', '.', ';'])).then_some(cut)
}

/// `server.cc:120]`, as in glog.
pub(super) fn until_bracket(text: &str) -> Option<Cut<'_>> {
    let cut = token(text)?;
    let inner = cut.text.strip_suffix(']')?;
    (!inner.contains('[')).then_some(Cut { text: inner, len: cut.len })
}

/// `text` without the white space before it.
pub(super) fn after_spaces(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The part of a component's text that names the component: without thread numbers, addresses
/// and line numbers.
pub(super) fn component(text: &str) -> &str {
    let numbered = |line: &str| !line.is_empty() && line.bytes().all(|c| c.is_ascii_digit());
    let text = match text.rsplit_once(['@', ':']) {
        Some((before, line)) if numbered(line) => before,
        _ => text,
    };
    match text.rsplit_once(':') {
        Some((_, last)) if last.starts_with(|c: char| c.is_ascii_alphabetic()) => last,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_in_their_dresses() {
        for (text, len) in [
            ("INFO x", 4),
            ("[error] x", 7),
            ("[core:error] x", 12),
            ("Warning: x", 7),
            ("level=info x", 10),
        ] {
            assert_eq!(level(text).map(|(_, len)| len), Some(len), "{text}");
        }
        for text in ["information desk is", "errors in x", "info_table", "[main] x", "fine-tuned"] {
            assert!(!matches!(level(text), Some((_, n)) if n > 11), "{text}");
        }
        assert_eq!(level("errors in x"), None);
        assert_eq!(level("fine-tuned"), None);
        assert_eq!(letter("E/Tag(12): x").map(|(s, _)| s), Some(Severity::Error));
    }

    #[test]
    fn tags_in_their_dresses() {
        for (text, name, len) in [
            ("sshd[123]: x", "sshd", 10),
            ("su(pam_unix)[7]: x", "su", 16),
            ("dfs.Node$Worker: x", "dfs.Node$Worker", 16),
            ("launchd[1] (com.x): y", "launchd", 19),
            ("syslogd 1.4.1: restart.", "syslogd", 14),
            ("PhoneBar : y", "PhoneBar", 10),
        ] {
            assert_eq!(tag(text), Some(Cut { text: name, len }), "{text}");
        }
        for text in ["no tag here: x", "a:b", "10:20:30 x", "(x): y"] {
            assert_eq!(tag(text), None, "{text}");
        }
    }

    #[test]
    fn other_parts() {
        assert_eq!(bracket("[a[b]c] d").map(|c| c.text), Some("a[b]c"));
        assert_eq!(integer("123: x").map(|c| c.text), Some("123"));
        assert_eq!(dotted_name("a.b_c.d x").map(|c| c.text), Some("a.b_c.d"));
        assert_eq!(until_dash("x.exe *64 - y").map(|c| c.text), Some("x.exe *64"));
        assert_eq!(until_bracket("server.cc:120] y").map(|c| c.text), Some("server.cc:120"));
        assert_eq!(host_and_tag("web-1 sshd[1]: x").map(|c| c.text), Some("web-1"));
        assert_eq!(component("Peer[id=1]/0:0:2181:Fast@774"), "Fast");
        assert_eq!(component("server.cc:120"), "server.cc");
        assert_eq!(after_separators("] - | x"), "x");
    }
}
