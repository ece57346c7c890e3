//! Judging one run of a message: is it a word, a variable, or a word with a variable in it?
//!
//! Judged by shape alone, without lists of known names (but for the endings of host names). Left
//! out: how runs are cut out of a message (`mask`).

use super::mask::Class;

/// What a run of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A word that stands for itself.
    Plain,
    /// Variable as a whole.
    Whole(Class),
    /// A word of so many bytes, then an identifier.
    Prefixed(usize),
    /// A number or address of so many bytes, a colon, then a word.
    Leading(usize),
    /// A word with digits in it.
    Digits,
}

/// Judges a run without surrounding punctuation.
pub(super) fn judge(b: &[u8]) -> Found {
    if !b.iter().any(u8::is_ascii_digit) {
        return match wordless(b) {
            Some(class) => Found::Whole(class),
            None => Found::Plain,
        };
    }
    if let Some(class) = numeric(b) {
        return Found::Whole(class);
    }
    if is_quantity(b) {
        return Found::Whole(Class::Number);
    }
    if is_mail(b) || is_host(b) || is_named_address(b) {
        return Found::Whole(Class::Host);
    }
    if is_deep_path(b) {
        return Found::Whole(Class::Path);
    }
    identifier(b)
}

/// What a `key=value` value is, given that it is variable.
pub(super) fn value_class(b: &[u8]) -> Class {
    if path(b).is_some() {
        Class::Path
    } else if let Some(class) = numeric(b) {
        class
    } else if is_quantity(b) {
        Class::Number
    } else if is_host(b) {
        Class::Host
    } else {
        Class::Value
    }
}

/// The bounds of the run `at..end` without punctuation around it; a sign stays with its number.
pub(super) fn core(b: &[u8], at: usize, end: usize) -> (usize, usize) {
    let mut to = end;
    while to > at && !is_inner(b[to - 1]) {
        to -= 1;
    }
    let mut from = at;
    while from < to && !is_inner(b[from]) {
        from += 1;
    }
    if from > at && from < to && matches!(b[from - 1], b'-' | b'+') && b[from].is_ascii_digit() {
        from -= 1;
    }
    (from, to)
}

fn is_inner(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c >= 0x80
}

/// A byte of a name or key.
pub(super) fn is_name_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.') || c >= 0x80
}

/// Whether a word is the name of an exception or error class.
pub(super) fn is_exception(b: &[u8]) -> bool {
    [&b"Exception"[..], b"Error", b"Failure", b"Fault"]
        .iter()
        .any(|end| b.len() > end.len() && b.ends_with(end))
}

/// The length of a URL at the start of `b`.
pub(super) fn url(b: &[u8]) -> Option<usize> {
    let scheme = b.iter().take(12).take_while(|c| c.is_ascii_alphanumeric() || **c == b'+').count();
    if scheme < 2 || b.get(scheme..scheme + 3) != Some(b"://") {
        return None;
    }
    Some(trimmed(b, b.iter().position(|c| ends_path(*c)).unwrap_or(b.len())))
}

/// The length of an absolute path at the start of `b`, Unix or Windows.
pub(super) fn path(b: &[u8]) -> Option<usize> {
    let rooted = match b {
        [b'/', c, ..] => c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'~' | b'-' | b'*'),
        [b'~', b'/', ..] => true,
        [drive, b':', b'\\', ..] => drive.is_ascii_alphabetic(),
        [b'\\', b'\\', c, ..] => c.is_ascii_alphanumeric(),
        _ => false,
    };
    rooted.then(|| trimmed(b, b.iter().position(|c| ends_path(*c)).unwrap_or(b.len())))
}

fn ends_path(c: u8) -> bool {
    matches!(
        c,
        b',' | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b'"'
            | b'\''
            | b'|'
            | b'`'
    )
}

fn trimmed(b: &[u8], mut end: usize) -> usize {
    while end > 1 && matches!(b[end - 1], b'.' | b':' | b'!' | b'?') {
        end -= 1;
    }
    end
}

/// A run without digits that is variable all the same.
fn wordless(b: &[u8]) -> Option<Class> {
    if is_mail(b) || is_host(b) {
        return Some(Class::Host);
    }
    is_deep_path(b).then_some(Class::Path)
}

fn is_mail(b: &[u8]) -> bool {
    let Some(at) = b.iter().position(|c| *c == b'@') else { return false };
    at > 0
        && at + 1 < b.len()
        && b[..at].iter().all(|c| is_name_byte(*c) || *c == b'+')
        && b[at + 1..].contains(&b'.')
}

/// Relative paths of three parts and more.
fn is_deep_path(b: &[u8]) -> bool {
    b.iter().filter(|c| **c == b'/').count() >= 2
        && b.iter().all(|c| is_name_byte(*c) || matches!(c, b'/' | b':' | b'@' | b'+'))
}

/// `web-7/10.0.0.1:80`: a name and the address it stands for.
fn is_named_address(b: &[u8]) -> bool {
    let Some(slash) = b.iter().position(|c| *c == b'/') else { return false };
    slash > 0
        && b[..slash].iter().all(|c| is_name_byte(*c))
        && numeric(&b[slash + 1..]) == Some(Class::Address)
}

/// `proxy.example.org`, `h64-1.pool.example.net:80`.
fn is_host(b: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 30] = [
        b"com",
        b"net",
        b"org",
        b"edu",
        b"gov",
        b"mil",
        b"info",
        b"biz",
        b"local",
        b"internal",
        b"lan",
        b"localdomain",
        b"de",
        b"uk",
        b"fr",
        b"nl",
        b"br",
        b"tw",
        b"jp",
        b"cn",
        b"ru",
        b"pl",
        b"it",
        b"ca",
        b"au",
        b"hk",
        b"kr",
        b"om",
        b"mx",
        b"example",
    ];
    const SOURCES: [&[u8]; 18] = [
        b"cc", b"cpp", b"cxx", b"hpp", b"java", b"py", b"go", b"rs", b"js", b"ts", b"rb", b"php",
        b"cs", b"scala", b"kt", b"sh", b"pl", b"swift",
    ];
    let colon = b.iter().position(|c| *c == b':');
    let (name, port) = match colon {
        Some(at) => (&b[..at], Some(&b[at + 1..])),
        None => (b, None),
    };
    if port.is_some_and(|p| p.is_empty() || !p.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    if !name.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_')) {
        return false;
    }
    let labels = name.split(|c| *c == b'.').count();
    if (labels < 2 && port.is_none()) || name.split(|c| *c == b'.').any(<[u8]>::is_empty) {
        return false;
    }
    let lower = !name.iter().any(u8::is_ascii_uppercase);
    let last = name.rsplit(|c| *c == b'.').next().unwrap_or_default();
    let alphabetic = last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic);
    let digits = name.iter().any(u8::is_ascii_digit);
    if let Some(port) = port {
        // A file's name and a line in it look alike.
        return (labels >= 2 && alphabetic && !SOURCES.contains(&last))
            || (labels == 1 && port.len() >= 4 && (digits || name.contains(&b'-')));
    }
    lower && (ENDINGS.contains(&last) || (digits && labels >= 3 && alphabetic && last.len() <= 4))
}

/// Numbers in a wide sense: decimal, hexadecimal, addresses, UUIDs, versions, times.
fn numeric(b: &[u8]) -> Option<Class> {
    let b = b.strip_prefix(b"-").or_else(|| b.strip_prefix(b"+")).unwrap_or(b);
    let b = b.strip_suffix(b"%").unwrap_or(b);
    if b.iter().all(u8::is_ascii_digit) {
        return Some(Class::Number);
    }
    let (mut segments, mut digit_only, mut weak) = (0, 0, 0);
    let mut digits = false;
    for segment in
        b.split(|c| matches!(c, b'.' | b':' | b'-' | b'_' | b'/' | b'+' | b'#' | b'@' | b'*'))
    {
        if segment.is_empty() {
            continue;
        }
        segments += 1;
        let n = segment.iter().filter(|c| c.is_ascii_digit()).count();
        digits |= n > 0;
        if n == segment.len() {
            digit_only += 1;
            continue;
        }
        if let Some(hex) = segment.strip_prefix(b"0x").or_else(|| segment.strip_prefix(b"0X")) {
            if hex.iter().all(u8::is_ascii_hexdigit) {
                digit_only += 1;
                continue;
            }
            return None;
        }
        if !segment.iter().all(u8::is_ascii_hexdigit) {
            // `1e-05` and `2017T10` are numbers, too.
            if segments == 1
                || !matches!(segment, [d @ .., b'T' | b'Z'] | [b'T', d @ ..] if d.iter().all(u8::is_ascii_digit))
            {
                return None;
            }
            continue;
        }
        if !is_hex_value(segment) {
            weak += 1;
        }
    }
    // A short or wordlike hexadecimal segment counts only in company.
    if !digits || (weak > 0 && (segments < 3 || weak * 2 > segments + 2)) {
        return None;
    }
    let dots = b.iter().filter(|c| **c == b'.').count();
    let address = (dots == 3 && (4..=5).contains(&digit_only))
        || b.iter().filter(|c| **c == b':').count() >= 4;
    Some(if address { Class::Address } else { Class::Number })
}

/// Hexadecimal digits that are no word: long, or with several decimal digits.
fn is_hex_value(segment: &[u8]) -> bool {
    let digits = segment.iter().filter(|c| c.is_ascii_digit()).count();
    let enough = match segment.len() {
        0..=3 => false,
        4 | 5 => digits >= 2,
        _ => digits >= 1,
    };
    enough && segment.iter().all(u8::is_ascii_hexdigit)
}

/// Whether a part of an identifier is a value as a whole, its letters included.
pub(super) fn is_value(segment: &[u8]) -> bool {
    segment.iter().any(u8::is_ascii_alphabetic) && (is_hex_value(segment) || is_random(segment))
}

/// `12ms`, `3.5GB`, `2h30m`, `80%`.
fn is_quantity(b: &[u8]) -> bool {
    let mut rest = b.strip_prefix(b"-").unwrap_or(b);
    if !rest.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    while !rest.is_empty() {
        let number = rest.iter().take_while(|c| c.is_ascii_digit() || **c == b'.').count();
        let unit =
            rest[number..].iter().take_while(|c| c.is_ascii_alphabetic() || **c == b'%').count();
        if number == 0 || !(unit == 0 || is_attached_unit(&rest[number..number + unit])) {
            return false;
        }
        rest = rest[number + unit..].strip_prefix(b"/s").unwrap_or(&rest[number + unit..]);
    }
    true
}

fn is_attached_unit(b: &[u8]) -> bool {
    is_detached_unit(b)
        || matches!(
            b,
            b"m" | b"h"
                | b"d"
                | b"k"
                | b"K"
                | b"M"
                | b"G"
                | b"T"
                | b"x"
                | b"kb"
                | b"mb"
                | b"gb"
                | b"Hz"
                | b"MHz"
                | b"GHz"
                | b"%"
        )
}

/// Units that count as part of the number before them, although a space stands between.
pub(super) fn is_detached_unit(b: &[u8]) -> bool {
    matches!(
        b,
        b"B" | b"KB"
            | b"kB"
            | b"MB"
            | b"GB"
            | b"TB"
            | b"PB"
            | b"KiB"
            | b"MiB"
            | b"GiB"
            | b"TiB"
            | b"ns"
            | b"us"
            | b"ms"
            | b"s"
            | b"sec"
            | b"secs"
            | b"msec"
            | b"min"
            | b"mins"
            | b"hrs"
    )
}

fn identifier(b: &[u8]) -> Found {
    if let Some(colon) = b.iter().rposition(|c| *c == b':')
        && b[colon + 1..].iter().all(u8::is_ascii_alphabetic)
        && numeric(&b[..colon]).is_some()
    {
        return Found::Leading(colon);
    }
    let segment_of = |c: &u8| !c.is_ascii_alphanumeric();
    let digits = b.iter().filter(|c| c.is_ascii_digit()).count();
    let with_digits = b.split(segment_of).filter(|s| s.iter().any(u8::is_ascii_digit)).count();
    if b.len() >= 16 && with_digits >= 2 && digits * 4 >= b.len() {
        let head = b.iter().take_while(|c| c.is_ascii_alphabetic()).count();
        let prefixed = head >= 3
            && b.get(head).is_some_and(|c| matches!(c, b'_' | b'-' | b':' | b'.'))
            && b[head + 1..]
                .split(segment_of)
                .all(|s| s.len() <= 2 || s.iter().any(u8::is_ascii_digit));
        return if prefixed { Found::Prefixed(head + 1) } else { Found::Whole(Class::Id) };
    }
    if is_random(b) {
        return Found::Whole(Class::Id);
    }
    Found::Digits
}

/// Letters and digits in frequent change are nobody's word.
fn is_random(b: &[u8]) -> bool {
    let changes = b.windows(2).filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit()).count();
    let single = b.iter().all(u8::is_ascii_alphanumeric);
    single && ((b.len() >= 8 && changes >= 4) || (b.len() >= 20 && changes >= 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_judged() {
        for (text, expected) in [
            ("web-7/10.0.0.1:80", Found::Whole(Class::Host)),
            ("web-7:8080", Found::Whole(Class::Host)),
            ("Shop.java:120", Found::Digits),
            ("word", Found::Plain),
            ("add", Found::Plain),
            ("and/or", Found::Plain),
            ("42", Found::Whole(Class::Number)),
            ("-42.5", Found::Whole(Class::Number)),
            ("0x1f", Found::Whole(Class::Number)),
            ("10.0.0.1:80", Found::Whole(Class::Address)),
            ("5c:50:15:4c:18:13", Found::Whole(Class::Address)),
            ("a489c868f0c37da9", Found::Whole(Class::Number)),
            ("12ms", Found::Whole(Class::Number)),
            ("2h30m", Found::Whole(Class::Number)),
            ("h64-187.pool.example.net", Found::Whole(Class::Host)),
            ("summit-shop.com", Found::Whole(Class::Host)),
            ("attempt_1445144423722_0020_m_000000_0", Found::Prefixed(8)),
            ("Package_for_KB2928120~31bf3856ad364e35~amd64", Found::Whole(Class::Id)),
            ("Xk29sdQ8a1", Found::Whole(Class::Id)),
            ("10.0.0.1:80:Got", Found::Leading(11)),
            ("node-246", Found::Digits),
            ("ssh2", Found::Digits),
            ("java.io.IOException", Found::Plain),
            ("com.acme.panel.ui", Found::Plain),
        ] {
            assert_eq!(judge(text.as_bytes()), expected, "{text}");
        }
    }
}
