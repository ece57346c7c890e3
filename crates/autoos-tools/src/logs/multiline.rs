//! Records of several lines: which lines continue the record before them.
//!
//! Indented lines, stack frames and what runtimes print around them continue a record; in a log
//! whose records begin with a time, so does every line without one. Left out: the template of the
//! record, which is that of its first line (of a bare Python traceback: of its last).

use super::piece;

/// How a line that carries no head of its own relates to the record before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Continues any record: a stack frame, a cause.
    Frame,
    /// Indented.
    Indented,
    /// Neither.
    Plain,
}

/// The shape of a line without a head.
pub(super) fn shape(line: &str) -> Shape {
    let text = line.trim_start_matches([' ', '\t']);
    let indented = text.len() < line.len();
    let frame = (indented
        && (text.starts_with("at ") || text.starts_with("File \"") || text.starts_with("... ")))
        || text.starts_with("Caused by:")
        || text.starts_with("Suppressed:")
        || (text.starts_with("at ") && text.ends_with(')'))
        || text.starts_with("goroutine ") && text.ends_with("]:")
        || text.starts_with("During handling of the above exception")
        || text.starts_with("The above exception was");
    if frame || text.is_empty() {
        Shape::Frame
    } else if indented {
        Shape::Indented
    } else {
        Shape::Plain
    }
}

/// Whether a message opens a Python traceback, whose error stands on its last line.
pub(super) fn opens_traceback(content: &str) -> bool {
    content.starts_with("Traceback (most recent call last)")
}

/// The exception class that a line names at its start: `java.io.IOException: x` (also after
/// `Caused by:`), `ValueError: y`.
pub(super) fn exception(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let text = text.strip_prefix("Caused by: ").unwrap_or(text);
    let end = text
        .bytes()
        .position(|c| !(c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'$')))
        .unwrap_or(text.len());
    let name = &text[..end];
    let follows = matches!(text.as_bytes().get(end), None | Some(b':'));
    let named =
        piece::is_exception(name.as_bytes()) || ["KeyboardInterrupt", "SystemExit"].contains(&name);
    (follows && named && name.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(name)
}

/// Whether two lines begin alike, digits and letters not told apart among themselves: then the
/// second is no continuation of the first, even if its time cannot be read.
pub(super) fn begin_alike(a: &str, b: &str) -> bool {
    let class = |c: u8| match c {
        b'0'..=b'9' => b'0',
        c if c.is_ascii_alphabetic() => b'a',
        c => c,
    };
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let digits = |line: &[u8]| line[..8].iter().any(u8::is_ascii_digit);
    a.len() >= 8 && b.len() >= 8 && digits(a) && (0..8).all(|i| class(a[i]) == class(b[i]))
}

/// The last part of a dotted class name.
pub(super) fn short_name(class: &str) -> &str {
    class.rsplit(['.', '$']).next().unwrap_or(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_continue() {
        for line in [
            "\tat com.acme.Shop.buy(Shop.java:12)",
            "Caused by: java.io.IOException: x",
            "    ... 12 more",
            "  File \"a.py\", line 3, in f",
            "at Object.<anonymous> (/x.js:1:2)",
            "",
        ] {
            assert_eq!(shape(line), Shape::Frame, "{line}");
        }
        assert_eq!(shape("    return 1"), Shape::Indented);
        assert_eq!(shape("at once we go"), Shape::Plain);
    }

    #[test]
    fn likeness_is_of_shape() {
        assert!(begin_alike("2024-05-01 10:00", "2024-99-01 10:00"));
        assert!(!begin_alike("2024-05-01 10:00", "java.io.IOException"));
        assert!(!begin_alike("words of a", "other word"));
    }

    #[test]
    fn exceptions_are_named() {
        assert_eq!(exception("java.io.IOException: x"), Some("java.io.IOException"));
        assert_eq!(exception("Caused by: a.B$CError: y"), Some("a.B$CError"));
        assert_eq!(exception("ValueError: bad"), Some("ValueError"));
        assert_eq!(exception("Errors were found"), None);
        assert_eq!(exception("an Exception: x"), None);
        assert_eq!(short_name("a.B$CError"), "CError");
    }
}
