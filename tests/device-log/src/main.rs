//! Decodes a device's log: `device-log PROGRAM [LOG]`, with the log from standard input by default.

use defmt_decoder::{DecodeError, Table};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("which program is it? device-log PROGRAM [LOG]")?;
    let table = Table::parse(&fs::read(program)?)?.ok_or("that program has no log")?;
    let mut log: Box<dyn Read> = match arguments.next() {
        Some(name) => Box::new(File::open(name)?),
        None => Box::new(io::stdin()),
    };
    let mut decoder = table.new_stream_decoder();
    let mut out = io::stdout();
    let mut piece = [0; 4096];
    loop {
        let bytes = log.read(&mut piece)?;
        if bytes == 0 {
            return Ok(());
        }
        decoder.received(piece.get(..bytes).unwrap_or_default());
        loop {
            match decoder.decode() {
                Ok(frame) => writeln!(out, "{}", frame.display(false))?,
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => writeln!(out, "(a line that was cut short)")?,
            }
        }
    }
}
