//! What a process takes, read from outside in /proc while it runs and once more when it has ended and is not yet reaped:
//! so the same figures are had of a program of ours and of anybody else's.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::Outcome;

/// Time between two looks. Peak memory and the threads' times are as they were at the last one.
const STEP: Duration = Duration::from_millis(5);

/// What one process took, all its threads together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taken {
    /// CPU seconds in its own code, by the clock ticks of /proc (10 ms).
    pub(crate) user: f64,
    /// CPU seconds in the kernel on its behalf.
    pub(crate) system: f64,
    /// CPU seconds of the thread that had most.
    pub(crate) busiest_thread: f64,
    pub(crate) wall: f64,
    /// Bytes that `read` and its kin gave it.
    pub(crate) bytes: u64,
    /// Calls of `read` and its kin.
    pub(crate) reads: u64,
    /// Bytes that had to come from the disk for it.
    pub(crate) from_disk: u64,
    /// Resident at most, in bytes.
    pub(crate) peak: u64,
    /// Its output, without what surrounds it.
    pub(crate) said: String,
    /// Whether it had to be ended because its time was over.
    pub(crate) was_ended: bool,
}

impl Taken {
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Runs a command to its end, or until `bound` is over.
pub(crate) fn run(mut command: Command, bound: Duration) -> Outcome<Taken> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut taken = Taken::default();
    let mut threads = BTreeMap::new();
    let id = Pid::from_child(&child);
    let looks = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    loop {
        let has_ended = waitid(WaitId::Pid(id), looks)?.is_some();
        look(&child, &mut taken, &mut threads);
        if has_ended {
            break;
        }
        if started.elapsed() > bound {
            taken.was_ended = true;
            child.kill()?;
            break;
        }
        std::thread::sleep(STEP);
    }
    taken.wall = started.elapsed().as_secs_f64();
    taken.busiest_thread = threads.values().copied().fold(0.0, f64::max);
    let status = child.wait()?;
    let [said, complaint] = [text(child.stdout.take()), text(child.stderr.take())];
    if !taken.was_ended && !status.success() {
        return Err(format!("{status}: {complaint}").into());
    }
    taken.said = said;
    Ok(taken)
}

/// The contenders say a line, which a pipe holds.
fn text(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_string(&mut text);
    }
    text.trim().to_owned()
}

fn look(child: &Child, taken: &mut Taken, threads: &mut BTreeMap<String, f64>) {
    let file = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
    let stat = file("stat");
    let mut ticks = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).map(|word| word.parse().ok());
    if let (Some(Some(user)), Some(Some(system))) = (ticks.next(), ticks.next()) {
        let (user, system): (f64, f64) = (user, system);
        (taken.user, taken.system) = (user / 100.0, system / 100.0);
    }
    let io = file("io");
    let of = |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    taken.bytes = of("rchar:").unwrap_or(taken.bytes);
    taken.reads = of("syscr:").unwrap_or(taken.reads);
    taken.from_disk = of("read_bytes:").unwrap_or(taken.from_disk);
    let peak = file("status")
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    taken.peak = peak.map_or(taken.peak, |kib| kib * 1024).max(taken.peak);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten();
    for task in tasks {
        let nanoseconds = std::fs::read_to_string(task.path().join("schedstat"))
            .ok()
            .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        if let Some(nanoseconds) = nanoseconds {
            threads.insert(task.file_name().to_string_lossy().into_owned(), nanoseconds / 1e9);
        }
    }
}
