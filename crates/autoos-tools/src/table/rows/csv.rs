//! Rows of CSV and TSV.

use super::{Scan, Sink, bounded, bounded::Bounded};
use crate::{Failure, table::cell::Cell};
use std::io::{BufRead, BufReader};

/// Shows the rows, and counts as malformed those of another width than the first.
pub(super) fn scan(
    input: BufReader<Bounded<impl BufRead>>,
    delimiter: u8,
    header: bool,
    scan: &mut Scan,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let progress = input.get_ref().progress.clone();
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(input);
    let mut record = ::csv::ByteRecord::new();
    let mut cells: Vec<Cell> = Vec::new();
    let mut first = true;
    loop {
        let more = reader.read_byte_record(&mut record).map_err(|error| failure(&error))?;
        progress.row();
        if !more {
            break;
        }
        if first {
            first = false;
            for (at, name) in record.iter().enumerate() {
                let name = String::from_utf8_lossy(name);
                let name = if header { name.into_owned() } else { format!("column_{}", at + 1) };
                scan.columns.add(&name)?;
            }
            if header {
                continue;
            }
        }
        scan.rows += 1;
        let width = scan.columns.names().len();
        if record.len() != width {
            scan.malformed_at(scan.rows);
        }
        cells.resize(width, Cell::default());
        for (at, cell) in cells.iter_mut().enumerate() {
            cell.text.clear();
            cell.text.push_str(&String::from_utf8_lossy(record.get(at).unwrap_or_default()));
        }
        if sink.row(&scan.columns, &cells)?.is_break() {
            scan.complete = false;
            break;
        }
    }
    scan.bytes = progress.total();
    Ok(())
}

fn failure(error: &::csv::Error) -> Failure {
    match error.kind() {
        ::csv::ErrorKind::Io(error) => bounded::failure(error),
        _ => Failure::Invalid(format!("this is no CSV: {error}")),
    }
}
