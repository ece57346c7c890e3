//! Severities and the words and codes by which logs name them.
//!
//! Left out: guessing a severity from the wording of a message (see `wording`).

use serde::Serialize;

/// How grave a record is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Finest tracing.
    Trace,
    /// For developers.
    Debug,
    /// Ordinary business, and whatever nothing speaks against.
    Info,
    /// Ordinary but worth a look.
    Notice,
    /// Something may be wrong.
    Warning,
    /// Something failed.
    Error,
    /// The service or the machine is in danger: fatal, critical, alert, emergency, panic.
    Critical,
}

impl Severity {
    /// All severities in rising order.
    pub const ALL: [Severity; 7] = [
        Severity::Trace,
        Severity::Debug,
        Severity::Info,
        Severity::Notice,
        Severity::Warning,
        Severity::Error,
        Severity::Critical,
    ];

    /// The lower-case name, as it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Trace => "trace",
            Severity::Debug => "debug",
            Severity::Info => "info",
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        }
    }

    /// The severity that a word names, in any case; `None` where it names none.
    pub fn of_word(word: &str) -> Option<Severity> {
        if word.len() < 3 || word.len() > 13 {
            return None;
        }
        let mut lower = [0u8; 13];
        for (to, from) in lower.iter_mut().zip(word.bytes()) {
            *to = from.to_ascii_lowercase();
        }
        Some(match &lower[..word.len()] {
            b"trace" | b"finest" | b"finer" | b"verbose" => Severity::Trace,
            b"debug" | b"fine" | b"dbg" | b"debug1" | b"debug2" | b"debug3" => Severity::Debug,
            b"info" | b"information" | b"informational" | b"inf" | b"config" | b"log" => {
                Severity::Info
            }
            b"notice" | b"note" => Severity::Notice,
            b"warn" | b"warning" | b"wrn" => Severity::Warning,
            b"error" | b"err" | b"severe" | b"failure" => Severity::Error,
            b"fatal" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic"
            | b"ftl" => Severity::Critical,
            _ => return None,
        })
    }

    /// The severity of a one-letter level column.
    pub fn of_letter(letter: u8) -> Option<Severity> {
        Some(match letter {
            b'V' | b'T' => Severity::Trace,
            b'D' => Severity::Debug,
            b'I' => Severity::Info,
            b'N' => Severity::Notice,
            b'W' => Severity::Warning,
            b'E' => Severity::Error,
            b'F' | b'C' | b'A' => Severity::Critical,
            _ => return None,
        })
    }

    /// The severity of a syslog priority (`facility * 8 + severity`).
    pub fn of_syslog(priority: u64) -> Severity {
        match priority % 8 {
            0..=2 => Severity::Critical,
            3 => Severity::Error,
            4 => Severity::Warning,
            5 => Severity::Notice,
            6 => Severity::Info,
            _ => Severity::Debug,
        }
    }

    /// The severity of a numeric level of ten steps (10 trace … 60 fatal), as some JSON loggers
    /// write it.
    pub fn of_number(level: u64) -> Option<Severity> {
        Some(match level {
            10..=19 => Severity::Trace,
            20..=29 => Severity::Debug,
            30..=39 => Severity::Info,
            40..=49 => Severity::Warning,
            50..=59 => Severity::Error,
            60..=69 => Severity::Critical,
            _ => return None,
        })
    }

    /// The severity of an HTTP status: 5xx failed, 4xx is a warning.
    pub fn of_status(status: u16) -> Severity {
        match status {
            500.. => Severity::Error,
            400..=499 => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_case_name_a_severity() {
        assert_eq!(Severity::of_word("WARN"), Some(Severity::Warning));
        assert_eq!(Severity::of_word("Error"), Some(Severity::Error));
        assert_eq!(Severity::of_word("FATAL"), Some(Severity::Critical));
        assert_eq!(Severity::of_word("errors"), None);
        assert_eq!(Severity::of_word("E"), None);
    }

    #[test]
    fn codes_name_a_severity() {
        assert_eq!(Severity::of_letter(b'E'), Some(Severity::Error));
        assert_eq!(Severity::of_letter(b'Z'), None);
        assert_eq!(Severity::of_syslog(34), Severity::Critical);
        assert_eq!(Severity::of_syslog(11), Severity::Error);
        assert_eq!(Severity::of_number(50), Some(Severity::Error));
        assert_eq!(Severity::of_status(503), Severity::Error);
        assert_eq!(Severity::of_status(404), Severity::Warning);
        assert_eq!(Severity::of_status(204), Severity::Info);
    }
}
