//! `steadfast sqlite`: proves SQLite files. The pass itself runs in a child process of the same binary, with a bound on
//! its memory: whatever a damaged file or a stranger's SQL does there, this process reports it.

mod child;
mod diff;
mod info;
mod stamp;
mod verify;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use steadfast_core::exit::Exit;

/// The command's arguments.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Proves database files in one sequential pass each: 0 proven, 1 faults, 3 cannot tell
    Verify(verify::Args),
    /// Page size, journal mode, WAL, freelist, and every table and index, largest first
    Info(info::Args),
    /// Proves a file and keeps a stamp of it, against which `check-stamp` compares in milliseconds
    Stamp(stamp::Args),
    /// Compares a file with its stamp: 0 trusted, 1 a page differs, 3 changed since or no stamp
    CheckStamp(stamp::CheckArgs),
    /// Pages and trees that differ between two files or manifests: 0 none, 1 some
    Diff(diff::Args),
    /// The pass itself, started by the commands above
    #[command(hide = true)]
    Child,
}

/// Runs the command to its end.
pub(crate) fn run(args: Args) -> Exit {
    match args.command {
        Command::Verify(args) => verify::run(args),
        Command::Info(args) => info::run(args),
        Command::Stamp(args) => stamp::run(args),
        Command::CheckStamp(args) => stamp::check(args),
        Command::Diff(args) => diff::run(args),
        Command::Child => child::serve(),
    }
}

/// `1536` as `1.5 KiB`.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 table`, `2 tables`.
fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A time in words: `12 s`, `3 min 20 s`, `5 h 10 min`, `3 days`.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// An amount of bytes on the command line: `16MiB`, `500 kB`, `4096`, with `/s` behind it where it is a rate.
fn amount(text: &str) -> Result<u64, String> {
    let plain = text.trim().trim_end_matches("/s").trim();
    let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let (number, unit) = plain.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        _ => return Err(format!("`{unit}` is no unit of bytes; write it as in 16MiB or 500kB")),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 => Ok((number * factor as f64) as u64),
        Ok(_) => Err("it must be more than nothing".to_owned()),
        Err(_) => Err(format!("`{text}` is no amount of bytes; write it as in 16MiB or 500kB")),
    }
}

/// Where stamps and manifests are kept: never beside the database.
fn state_path(database: &Path, suffix: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let root = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home).unwrap_or_else(std::env::temp_dir);
    let whole = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name: String = whole
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '%' })
        .collect();
    // File names have a bound; the end of a path tells more than its beginning, and both are told apart by the hash.
    let sum: u64 = whole
        .to_string_lossy()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    if name.len() > 120 {
        name = name.split_off(name.len() - 120);
    }
    root.join("steadfast/sqlite").join(format!("{name}-{sum:016x}.{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_and_without_units() {
        assert_eq!(amount("16MiB/s"), Ok(16 << 20));
        assert_eq!(amount("500 kB"), Ok(500_000));
        assert_eq!(amount("4096"), Ok(4096));
        assert_eq!(amount("1.5G"), Ok(1_610_612_736));
        for wrong in ["", "fast", "0", "16 miles", "-3M"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(
            (bytes(1536), grouped(1_234_567), time(200)),
            ("1.5 KiB".into(), "1,234,567".into(), "3 min 20 s".into())
        );
    }
}
