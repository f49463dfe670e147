//! Converts the seed inputs of the fuzz targets. `cargo run -p fuzz --bin fuzz-seeds unpack
//! FOLDER` writes them into one folder per target, as a fuzzer requires. `… pack FOLDER` writes
//! them back into the repository.

use std::{io, path::Path};

use fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let usage = || io::Error::other("usage: fuzz-seeds unpack|pack FOLDER");
    let mut arguments = std::env::args().skip(1);
    let (Some(verb), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err(usage());
    };
    for (target, _) in TARGETS {
        let folder = Path::new(&folder).join(target);
        match verb.as_str() {
            "unpack" => unpack(target, &folder)?,
            "pack" => pack(target, &folder)?,
            _ => return Err(usage()),
        }
    }
    Ok(())
}

fn unpack(target: &str, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (nth, input) in seeds::all(target).iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{nth:04}")), input)?;
    }
    Ok(())
}

fn pack(target: &str, folder: &Path) -> io::Result<()> {
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        inputs.push(std::fs::read(entry?.path())?);
    }
    inputs.sort_by_key(|input| (input.len(), input.clone()));
    seeds::keep(target, &inputs)
}
