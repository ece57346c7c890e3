//! Text that cannot pass for anything else: not for a second line, not for a colour, not for text
//! that runs the other way.

use std::fmt::Write as _;

/// Whether a character moves the cursor, ends a line, turns the direction or is not seen at all.
fn is_sly(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// As people read it.
pub(super) fn text(from: &str, to: &mut String) {
    for c in from.chars() {
        match c {
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            '\\' => to.push_str("\\\\"),
            c if is_sly(c) => to.extend(c.escape_unicode()),
            c => to.push(c),
        }
    }
}

/// As a string of JSON, which reads back as what it was.
pub(super) fn json(from: &str, to: &mut String) {
    to.push('"');
    for c in from.chars() {
        match c {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            c if is_sly(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(to, "\\u{unit:04x}");
                }
            }
            c => to.push(c),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLY: &str = "a\nb\r\u{1b}[31mred\u{7f}\u{9b}1m \u{202e}txt.exe\u{2066}\u{2028}\u{85}\u{200b}\
                       \u{feff}\u{e0041} \"q\" \\n é 漢 🦀";

    #[test]
    fn nothing_sly_is_left_and_json_reads_back() {
        let (mut plain, mut quoted) = (String::new(), String::new());
        text(SLY, &mut plain);
        json(SLY, &mut quoted);
        for written in [&plain, &quoted] {
            assert!(!written.chars().any(is_sly), "{written:?}");
            assert!(written.contains("é 漢 🦀"));
        }
        assert_eq!(serde_json::from_str::<String>(&quoted).expect("JSON"), SLY);
        assert!(plain.contains("a\\nb\\r\\u{1b}[31m") && plain.ends_with("\\\\n é 漢 🦀"));
    }

    #[test]
    fn every_character_survives_json() {
        let all: String = ('\0'..=char::MAX).step_by(7).collect();
        let mut quoted = String::new();
        json(&all, &mut quoted);
        assert_eq!(serde_json::from_str::<String>(&quoted).expect("JSON"), all);
    }
}
