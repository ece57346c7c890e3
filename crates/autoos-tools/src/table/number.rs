//! Numbers as they are written in tables, and sums of them that come out right.
//!
//! Money and measurements are decimal: 0.1 + 0.2 is 0.3 here. A number is an integer scaled by a
//! power of ten as long as that fits 128 bits, and a float only beyond. A comma is a decimal one
//! where it can be nothing else: `1.234,50` and `12,5`. Left out: guessing what `1,234` is where
//! commas are decimal; it is read with thousands.

use serde_json::Value;
use std::cmp::Ordering;

/// Digits that are sure to fit, with room for sums of very many.
const DIGITS: usize = 18;

/// A number of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// `mantissa / 10^scale`, exactly.
    Exact {
        /// All digits.
        mantissa: i128,
        /// How many of them stand after the point.
        scale: u32,
    },
    /// Too large or too fine for that.
    Float(f64),
}

impl Number {
    pub(crate) const ZERO: Self = Self::Exact { mantissa: 0, scale: 0 };

    /// Reads `-1234.5`, `1,234.50`, `$12`, `12 %`, `1.5e3`; none where a text means no number.
    ///
    /// Digits with leading zeros and very long ones are names, not amounts.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 64 || !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (negative, text) = sign(text);
        let text = text.trim_start_matches(['$', '€', '£', '¥']);
        let text = text.trim_end_matches(['%', '€', '£', '¥']).trim();
        let text = without_currency(text);
        let (inner, text) = match negative {
            true => (false, text),
            false => sign(text),
        };
        let number = match with_point(text) {
            Some(pointed) => unsigned(&pointed)?,
            None => unsigned(text)?,
        };
        Some(if negative || inner { number.negated() } else { number })
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self.plain(), Self::Exact { scale: 0, .. })
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        aligned(self, other)
            .and_then(|(a, b, scale)| Some(Self::Exact { mantissa: a.checked_add(b)?, scale }))
            .unwrap_or_else(|| Self::Float(self.float() + other.float()))
    }

    /// The quotient as a float; `count` is not 0.
    pub(crate) fn over(self, count: u64) -> Self {
        #[allow(clippy::cast_precision_loss)] // No table has 2^53 rows.
        let count = count as f64;
        Self::Float(self.float() / count)
    }

    /// Per cent that it is of `whole`; none of nothing.
    pub(crate) fn percent_of(self, whole: Self) -> Option<Self> {
        let whole = whole.float();
        (whole != 0.0).then(|| Self::Float(100.0 * self.float() / whole))
    }

    /// What lies so far on the way from this number to `other`.
    pub(crate) fn towards(self, other: Self, way: f64) -> Self {
        if way == 0.0 {
            self
        } else {
            Self::Float(self.float() + way * (other.float() - self.float()))
        }
    }

    pub(crate) fn less(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    pub(crate) fn order(self, other: Self) -> Ordering {
        match aligned(self, other) {
            Some((a, b, _)) => a.cmp(&b),
            None => self.float().total_cmp(&other.float()),
        }
    }

    /// Its value as data: an integer where it is one, else the nearest float.
    pub(crate) fn json(self) -> Value {
        match self.plain() {
            Self::Exact { mantissa, scale: 0 } if i64::try_from(mantissa).is_ok() => {
                Value::from(i64::try_from(mantissa).unwrap_or_default())
            }
            other => serde_json::Number::from_f64(other.float()).map_or(Value::Null, Value::Number),
        }
    }

    /// As [`Number::read`] reads it again.
    pub(crate) fn text(self) -> String {
        match self.plain() {
            Self::Exact { mantissa, scale } if i64::try_from(mantissa).is_ok() => {
                decimal(mantissa, scale)
            }
            // Shortest digits that mean the same float.
            other => match other.float() {
                value if (1e-5..1e15).contains(&value.abs()) => value.to_string(),
                value => format!("{value:e}"),
            },
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::Exact { mantissa, scale } => Self::Exact { mantissa: -mantissa, scale },
            Self::Float(value) => Self::Float(-value),
        }
    }

    /// Without zeros at the end.
    fn plain(self) -> Self {
        let Self::Exact { mut mantissa, mut scale } = self else { return self };
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Self::Exact { mantissa, scale }
    }

    fn float(self) -> f64 {
        match self {
            // By way of its digits: the nearest float to the decimal, not to a quotient.
            Self::Exact { mantissa, scale } => decimal(mantissa, scale).parse().unwrap_or(f64::NAN),
            Self::Float(value) => value,
        }
    }
}

/// `12.50 EUR` and `EUR 12.50` without the currency.
fn without_currency(text: &str) -> &str {
    ["EUR", "USD", "GBP", "CHF"]
        .iter()
        .find_map(|name| text.strip_suffix(name).or_else(|| text.strip_prefix(name)))
        .map_or(text, str::trim)
}

/// A number with a decimal comma that can be nothing else, with a point instead: `1.234,50`, `12,5`.
fn with_point(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once(',')?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split('.');
    let first = groups.next().filter(|first| digits(first))?;
    let rest: Vec<&str> = groups.collect();
    let grouped = first.len() <= 3 && rest.iter().all(|g| g.len() == 3 && digits(g));
    let sure = if rest.is_empty() { fraction.len() <= 2 } else { grouped };
    (sure && digits(fraction)).then(|| format!("{}.{fraction}", whole.replace('.', "")))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn unsigned(text: &str) -> Option<Number> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = without_separators(whole)?;
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let named = whole.len() > 1 && whole.starts_with('0');
    let nothing = whole.is_empty() && fraction.is_empty();
    if !all_digits(&whole) || !all_digits(fraction) || named || nothing {
        return None;
    }
    let float = || {
        let value: f64 = format!("{whole}.{fraction}0e{exponent}").parse().ok()?;
        value.is_finite().then_some(Number::Float(value))
    };
    if whole.len() + fraction.len() > DIGITS {
        // Without a point it is an identifier, and a float would change it.
        return match fraction.is_empty() && exponent == 0 {
            true => {
                let mantissa = i128::from(whole.parse::<i64>().ok()?);
                Some(Number::Exact { mantissa, scale: 0 })
            }
            false => float(),
        };
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    match scale {
        0..=18 => Some(Number::Exact { mantissa, scale: scale.unsigned_abs() }),
        -18..=-1 => Some(Number::Exact {
            mantissa: mantissa.checked_mul(10_i128.pow(scale.unsigned_abs()))?,
            scale: 0,
        }),
        _ => float(),
    }
}

/// `1,234,567` without its commas; none where they stand elsewhere than between thousands.
fn without_separators(whole: &str) -> Option<String> {
    if !whole.contains(',') {
        return Some(whole.to_owned());
    }
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let fits = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    fits.then(|| whole.replace(',', ""))
}

fn aligned(a: Number, b: Number) -> Option<(i128, i128, u32)> {
    let (Number::Exact { mantissa: a, scale: s }, Number::Exact { mantissa: b, scale: t }) = (a, b)
    else {
        return None;
    };
    let scale = s.max(t);
    let raised = |mantissa: i128, from: u32| {
        10_i128.checked_pow(scale - from).and_then(|factor| mantissa.checked_mul(factor))
    };
    Some((raised(a, s)?, raised(b, t)?, scale))
}

fn decimal(mantissa: i128, scale: u32) -> String {
    let scale = scale as usize;
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if mantissa < 0 { "-" } else { "" };
    match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(written: &str) -> Option<String> {
        Number::read(written).map(Number::text)
    }

    #[test]
    fn reads_what_people_write() {
        for (written, read) in [
            ("0", "0"),
            ("-17", "-17"),
            ("+3.50", "3.5"),
            ("1,234,567.89", "1234567.89"),
            ("$1,200", "1200"),
            ("-$5.25", "-5.25"),
            ("$-5.25", "-5.25"),
            ("12.5 %", "12.5"),
            ("1.5e3", "1500"),
            ("25E-2", "0.25"),
            (".5", "0.5"),
            ("0.000000000000000001", "1e-18"),
        ] {
            assert_eq!(text(written).as_deref(), Some(read), "{written}");
        }
    }

    #[test]
    fn reads_commas_that_can_only_be_decimal() {
        for (written, read) in [
            ("12,5", "12.5"),
            ("80,50 €", "80.5"),
            ("1.234,50", "1234.5"),
            ("-1.234.567,1 EUR", "-1234567.1"),
            ("1,234", "1234"),
            ("USD 1,234.50", "1234.5"),
        ] {
            assert_eq!(text(written).as_deref(), Some(read), "{written:?}");
        }
    }

    #[test]
    fn leaves_names_alone() {
        for written in [
            "",
            "-",
            ".",
            "007",
            "1,2,3",
            "1.2,5",
            "12.34,567",
            "1234.567,5",
            "12,3456",
            "1.2.3",
            "v1",
            "1 2",
            "0x10",
            "NaN",
            "inf",
            "--1",
            "-+1",
            "12345678901234567890",
            "1e999",
            "e5",
            "$",
            "2024-01-01",
        ] {
            assert_eq!(text(written), None, "{written:?}");
        }
    }

    #[test]
    fn sums_decimals_exactly() {
        let sum = |list: &[&str]| {
            list.iter().filter_map(|text| Number::read(text)).fold(Number::ZERO, Number::plus)
        };
        assert_eq!(sum(&["0.1", "0.2"]).json(), serde_json::json!(0.3));
        assert_eq!(sum(&["1.10", "-1.1"]).json(), serde_json::json!(0));
        assert_eq!(sum(&["999999999999999999", "1"]).text(), "1000000000000000000");
        assert_eq!(sum(&["1e300", "1"]).json(), serde_json::json!(1e300));
        let large = sum(&["9223372036854775807", "9223372036854775807"]);
        assert_eq!(Number::read(&large.text()).map(Number::json), Some(large.json()));
    }

    #[test]
    fn orders_across_scales() {
        let order = |a, b| Some(Number::read(a)?.order(Number::read(b)?));
        assert_eq!(order("1.0", "1"), Some(Ordering::Equal));
        assert_eq!(order("-2", "-1.5"), Some(Ordering::Less));
        assert_eq!(order("1e30", "5"), Some(Ordering::Greater));
    }
}
