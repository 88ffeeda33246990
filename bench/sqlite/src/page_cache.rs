//! Whether a file lies in the page cache before a contender reads it. On a machine that has just booted, or where the file
//! is larger than the memory, it does not.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use rustix::fs::{Advice, fadvise};

use crate::Outcome;

/// Where a contender finds the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// All of it in the page cache.
    Warm,
    /// None of it: it has to come from the disk.
    Cold,
}

impl Cache {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cache::Warm => "in the page cache",
            Cache::Cold => "dropped from the page cache",
        }
    }

    /// Brings the file there. Says how much of it is in the page cache afterwards, if that can be asked.
    pub(crate) fn prepare(self, file: &Path) -> Outcome<Option<u64>> {
        match self {
            Cache::Warm => {
                std::io::copy(&mut File::open(file)?, &mut std::io::sink())?;
            }
            Cache::Cold => fadvise(&File::open(file)?, 0, None, Advice::DontNeed)?,
        }
        let resident = resident(file);
        if let (Cache::Cold, Some(bytes)) = (self, resident) {
            let size = std::fs::metadata(file)?.len();
            if bytes > size / 100 {
                return Err(
                    format!("{bytes} of {size} bytes would not leave the page cache: who else reads it?").into()
                );
            }
        }
        Ok(resident)
    }
}

/// Bytes of the file in the page cache, by fincore (util-linux), where that is installed.
fn resident(file: &Path) -> Option<u64> {
    let output =
        Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(file).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
