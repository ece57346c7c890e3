//! Families in the two text formats that Prometheus reads.
//!
//! They differ in little: OpenMetrics names a counter's family without `_total`, may add an
//! exemplar to a bucket, and has an end. Bounds are written alike in both, so that the series are
//! the same whichever was asked for.

use crate::{Distribution, Family, Kind, Series, Value};
use std::fmt::{self, Write as _};

/// A way to write metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What a client wants that sends this `Accept`: OpenMetrics where it is named and not
    /// declined.
    #[must_use]
    pub fn wanted(accept: &str) -> Self {
        let named = |part: &str| {
            let mut parameters = part.split(';').map(str::trim);
            let fits = parameters.next() == Some("application/openmetrics-text");
            let mut declined = false;
            for parameter in parameters {
                let q = parameter.strip_prefix("q=").and_then(|q| q.parse::<f64>().ok());
                declined |= q == Some(0.0);
            }
            fits && !declined
        };
        if accept.split(',').any(named) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The type of its content.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The families, by name. Those of one name are one, as several parts may each give series of
    /// it; what the first says of it holds.
    #[must_use]
    pub fn write(self, mut families: Vec<Family>) -> String {
        families.sort_by_key(|family| family.name);
        families.dedup_by(|next, first| {
            let same = next.name == first.name;
            if same {
                first.series.append(&mut next.series);
            }
            same
        });
        let mut text = String::with_capacity(families.len() * 512);
        // Writing to a string does not fail.
        let _ = families.iter().try_for_each(|family| self.family(&mut text, family));
        if self == Self::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn family(self, text: &mut String, family: &Family) -> fmt::Result {
        let name = match self {
            Self::OpenMetrics if family.kind == Kind::Counter => {
                family.name.strip_suffix("_total").unwrap_or(family.name)
            }
            _ => family.name,
        };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        for Series { labels, value } in &family.series {
            match value {
                Value::Number(value) => {
                    series(text, family.name, labels, None)?;
                    writeln!(text, " {}", number(*value))?;
                }
                Value::Distribution(of) => self.histogram(text, family.name, labels, of)?,
            }
        }
        Ok(())
    }

    fn histogram(
        self,
        text: &mut String,
        name: &str,
        labels: &[(&'static str, String)],
        of: &Distribution,
    ) -> fmt::Result {
        let bucket = format!("{name}_bucket");
        let bounds = of.bounds.iter().copied().chain([f64::INFINITY]);
        let mut below = 0;
        for (n, (bound, count)) in bounds.zip(&of.buckets).enumerate() {
            below += count;
            series(text, &bucket, labels, Some(bound))?;
            write!(text, " {below}")?;
            if let (Self::OpenMetrics, Some(Some(exemplar))) = (self, of.exemplars.get(n)) {
                let (id, value) = (exemplar.trace_id, number(exemplar.value));
                write!(text, " # {{trace_id=\"{id:032x}\"}} {value} {:.3}", exemplar.at_s)?;
            }
            text.push('\n');
        }
        series(text, &format!("{name}_sum"), labels, None)?;
        writeln!(text, " {}", number(of.sum))?;
        series(text, &format!("{name}_count"), labels, None)?;
        writeln!(text, " {below}")
    }
}

/// A name with its labels.
fn series(
    text: &mut String,
    name: &str,
    labels: &[(&'static str, String)],
    bound: Option<f64>,
) -> fmt::Result {
    text.push_str(name);
    let mut open = '{';
    for (label, value) in labels {
        write!(text, "{open}{label}=\"{}\"", escaped(value))?;
        open = ',';
    }
    if let Some(bound) = bound {
        // With a point, as OpenMetrics wants bounds to be written.
        let bound = if bound.is_finite() { format!("{bound:?}") } else { number(bound) };
        write!(text, "{open}le=\"{bound}\"")?;
        open = ',';
    }
    if open == ',' {
        text.push('}');
    }
    Ok(())
}

fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".into() } else { value.to_string() }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Meter;

    fn families() -> Vec<Family> {
        let meter = Meter::new(&[0.5, 1.0]);
        meter.add(0.25);
        meter.add_traced(0.75, Some(0xabc));
        let mut of = meter.read();
        for exemplar in of.exemplars.iter_mut().flatten() {
            exemplar.at_s = 7.0;
        }
        vec![
            Family::histogram("b_seconds", "Time.").with([("to", "x")], of),
            Family::counter("c_total", "Calls.").with([("to", "a\"b\\\nc")], 3_u64),
            Family::gauge("a", "Nothing yet."),
            Family::counter("c_total", "Calls.").with([("to", "y")], 0.5),
        ]
    }

    #[test]
    fn prometheus_reads_it() {
        let wanted = r#"# HELP a Nothing yet.
# TYPE a gauge
# HELP b_seconds Time.
# TYPE b_seconds histogram
b_seconds_bucket{to="x",le="0.5"} 1
b_seconds_bucket{to="x",le="1.0"} 2
b_seconds_bucket{to="x",le="+Inf"} 2
b_seconds_sum{to="x"} 1
b_seconds_count{to="x"} 2
# HELP c_total Calls.
# TYPE c_total counter
c_total{to="a\"b\\\nc"} 3
c_total{to="y"} 0.5
"#;
        assert_eq!(Format::Prometheus.write(families()), wanted);
    }

    #[test]
    fn open_metrics_has_exemplars_and_an_end() {
        let text = Format::OpenMetrics.write(families());
        let traced = format!(
            "b_seconds_bucket{{to=\"x\",le=\"1.0\"}} 2 # {{trace_id=\"{:032x}\"}} 0.75 7.000\n",
            0xabc
        );
        assert!(text.contains(&traced), "{text}");
        assert!(text.contains("# TYPE c counter\nc_total{"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn the_format_is_the_one_that_was_asked_for() {
        let wanted = |accept| Format::wanted(accept) == Format::OpenMetrics;
        assert!(wanted(
            "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(!wanted("text/plain, application/openmetrics-text;q=0"));
        assert!(!wanted("*/*") && !wanted(""));
    }
}
