//! Long sentences in lines that people can read.

/// Columns of a line: fits most terminals, and is not tiring to read on wide ones.
const WIDTH: usize = 96;

/// Prints text behind a label, wrapped at spaces and indented below itself; line breaks in it
/// stay.
pub(crate) fn labelled(label: &str, text: &str) {
    let indent = label.chars().count();
    let mut lead = label.to_owned();
    for wrapped in wrapped(text, WIDTH.saturating_sub(indent)) {
        super::line(format!("{lead}{wrapped}").trim_end());
        lead = " ".repeat(indent);
    }
}

/// The lines of a text, each at most `width` wide where a space allows it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for given in text.trim().lines() {
        let mut line = String::new();
        for word in given.split_whitespace() {
            let full = line.chars().count() + 1 + word.chars().count() > width;
            if full && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_break_at_spaces_and_keep_long_words_whole() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("a\n\nb", 8), ["a", "", "b"]);
        assert_eq!(wrapped("x supercalifragilistic y", 8), ["x", "supercalifragilistic", "y"]);
        assert_eq!(wrapped("äöü äöü", 7), ["äöü äöü"]);
        assert!(wrapped("  ", 8).is_empty());
    }
}
