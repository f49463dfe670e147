//! Prints the trace in `tests/simulator/trace` as commands, one JSON object per line:
//! `cargo run -p simulator --bin trace-to-commands > commands.jsonl`

use std::io::{BufWriter, ErrorKind, Write};

fn main() -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = simulator::trace::commands()
        .iter()
        .try_for_each(|command| writeln!(out, "{command}"));
    match written.and_then(|()| out.flush()) {
        // The reader closed the pipe.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
