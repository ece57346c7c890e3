//! Records of a log as rows.

use super::{Scan, Sink, bounded, bounded::Bounded};
use crate::{Failure, logs::records::Records, table::cell::Cell};
use std::io::{BufRead, BufReader};

/// Most bytes of lines that go on a record.
const LONGEST: usize = 16 * 1024;

/// Shows the records. A line without a beginning of its own goes on the record before it.
pub(super) fn scan(
    mut input: BufReader<Bounded<impl BufRead>>,
    sample: &[u8],
    scan: &mut Scan,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let progress = input.get_ref().progress.clone();
    let sample = String::from_utf8_lossy(sample);
    let whole = sample.rfind('\n').map_or(&*sample, |end| &sample[..end]);
    let records = Records::learn(whole);
    for name in records.columns() {
        scan.columns.push(name)?;
    }
    let last = scan.columns.names().len() - 1;
    let mut open: Option<Vec<Cell>> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line).map_err(|error| bounded::failure(&error))?;
        progress.row();
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        let record = if read == 0 { None } else { records.read(text) };
        match record {
            Some(cells) => {
                let cells = cells.into_iter().map(|text| Cell { text, quoted: false }).collect();
                if let Some(done) = open.replace(cells) {
                    scan.rows += 1;
                    if sink.row(&scan.columns, &done)?.is_break() {
                        scan.complete = false;
                        open = None;
                        break;
                    }
                }
            }
            None if read == 0 => break,
            None if text.trim().is_empty() => {}
            None => match open.as_mut().filter(|_| records.goes_on()) {
                Some(cells) if cells[last].text.len() < LONGEST => {
                    cells[last].text.push('\n');
                    cells[last].text.push_str(text);
                }
                Some(_) => {}
                None => scan.malformed_at(scan.rows + 1),
            },
        }
    }
    if let Some(done) = open {
        scan.rows += 1;
        scan.complete &= sink.row(&scan.columns, &done)?.is_continue();
    }
    scan.bytes = progress.total();
    Ok(())
}
