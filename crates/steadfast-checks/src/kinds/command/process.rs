//! Running a program so that nothing of it stays behind. Linux: process groups.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::os::unix::process::ExitStatusExt;
use steadfast_core::finding::{codes, excerpt};
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command as Process;

use super::{CommandLine, CommandLook, CommandSeen, Ended, Stream, last_line};

/// What passes from our own environment without being asked for.
const PASSING: [&str; 3] = ["PATH", "HOME", "LANG"];

/// How long a stream is still read after the program's end. Its process group is gone by then; only a process that
/// has left the group can hold the stream open.
const AFTER_THE_END: Duration = Duration::from_millis(500);

/// Runs it to its end, or to the end of the World's patience.
pub(super) async fn run(look: &CommandLook, world: &World) -> Result<CommandSeen, Trouble> {
    let mut process = prepared(look, world)?;
    let mut child = process.spawn().map_err(|why| refused(look, &why))?;
    let (Some(stdout), Some(stderr), Some(id)) = (child.stdout.take(), child.stderr.take(), child.id()) else {
        return Err(Trouble::new(codes::LOCAL_TROUBLE, "the program was started without its streams"));
    };
    let group = Group::of(id)?;
    let limit = usize::try_from(look.output_limit.0).unwrap_or(usize::MAX);
    let (mut out, mut err) = (Kept::new(limit), Kept::new(limit));

    let mut reading = Box::pin(async {
        tokio::join!(out.read(stdout), err.read(stderr));
    });
    let mut all_read = false;
    // The program is waited for without being reaped: until then its number, which is also that of its group, cannot
    // be given to another process, so that ending the group cannot hit anyone else.
    let ended = async {
        let ended = group.leader_ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                ended = &mut ended => break ended,
                () = &mut reading, if !all_read => all_read = true,
            }
        }
    };
    let in_time = match world.patience() {
        None => Ok(ended.await),
        Some((left, trouble)) => tokio::select! {
            biased;
            ended = ended => Ok(ended),
            () = world.clock().sleep(left) => Err(trouble),
        },
    };
    group.end();
    let status = child.wait().await.map_err(|why| Trouble::of_io(&why))?;
    if !all_read {
        tokio::select! {
            biased;
            () = &mut reading => {}
            () = world.clock().sleep(AFTER_THE_END) => {}
        }
    }
    drop(reading);
    let (out, err) = (out.stream(world), err.stream(world));
    match in_time {
        Ok(ended) => {
            ended.map_err(|why| Trouble::of_io(&why))?;
            Ok(CommandSeen { ended: how(status), stdout: out, stderr: err })
        }
        Err(trouble) if trouble.code == codes::TIMEOUT.word => {
            let said = last_line(&err.text).or(last_line(&out.text));
            let detail = match said {
                Some(line) => format!("its last line was: {}", excerpt(line, 200)),
                None => "it had written nothing".to_owned(),
            };
            Err(Trouble::new(codes::COMMAND_TIMEOUT, detail))
        }
        Err(trouble) => Err(trouble),
    }
}

fn prepared(look: &CommandLook, world: &World) -> Result<Process, Trouble> {
    let folder = match &look.folder {
        Some(folder) => world.path(folder)?,
        None => world.root().to_path_buf(),
    };
    if !folder.is_dir() {
        return Err(Trouble::new(codes::FILE_MISSING, format!("the working folder {}", folder.display())));
    }
    let mut process = match &look.run {
        CommandLine::Shell(line) => {
            let mut shell = Process::new("/bin/sh");
            shell.arg("-c").arg(line);
            shell
        }
        CommandLine::Program(words) => {
            let program = words.first().map(String::as_str).unwrap_or_default();
            let path = if program.contains('/') { folder.join(program) } else { PathBuf::from(program) };
            let mut process = Process::new(path);
            process.args(words.iter().skip(1));
            process
        }
    };
    process.env_clear();
    for name in PASSING.into_iter().chain(look.pass_env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            process.env(name, value);
        }
    }
    for (name, text) in &look.env {
        process.env(name, world.text(text)?.expose());
    }
    process.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.process_group(0).kill_on_drop(true);
    Ok(process)
}

/// Why a program was not started.
fn refused(look: &CommandLook, why: &std::io::Error) -> Trouble {
    const ENOEXEC: i32 = 8;
    const E2BIG: i32 = 7;
    let program = match &look.run {
        CommandLine::Program(words) => words.first().map(String::as_str).unwrap_or_default(),
        CommandLine::Shell(_) => "/bin/sh",
    };
    let detail = format!("{program}: {why}");
    match (why.kind(), why.raw_os_error()) {
        (std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied, _) | (_, Some(ENOEXEC)) => {
            Trouble::new(codes::PROGRAM_NOT_FOUND, detail)
        }
        (_, Some(E2BIG)) => Trouble::new(codes::LOCAL_TROUBLE, detail),
        (_, Some(_) | None) => {
            let mut trouble = Trouble::of_io(why);
            trouble.detail = detail;
            trouble
        }
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Exit(-1),
    }
}

/// A process group that ends with this value, so that a look that is given up leaves nothing behind either.
struct Group(Pid);

impl Group {
    fn of(id: u32) -> Result<Group, Trouble> {
        let gone = || Trouble::new(codes::LOCAL_TROUBLE, "the started program has no process number");
        i32::try_from(id).ok().and_then(Pid::from_raw).map(Group).ok_or_else(gone)
    }

    /// Waits for the end of the group's leader, on a thread, and leaves it unreaped.
    async fn leader_ended(&self) -> std::io::Result<()> {
        let leader = self.0;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let waiting = tokio::task::spawn_blocking(move || {
            loop {
                match rustix::process::waitid(WaitId::Pid(leader), options) {
                    Err(rustix::io::Errno::INTR) => {}
                    done => break done.map(drop),
                }
            }
        });
        waiting.await.map_err(std::io::Error::other)?.map_err(std::io::Error::from)
    }

    fn end(self) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        // That there is no such group any more is what is wanted.
        let _ = rustix::process::kill_process_group(self.0, Signal::KILL);
    }
}

/// The beginning of a stream, and the count of all of it.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    total: u64,
    ended: bool,
}

impl Kept {
    fn new(limit: usize) -> Kept {
        Kept { bytes: Vec::new(), limit, total: 0, ended: false }
    }

    async fn read(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 << 10];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    self.total += read as u64;
                    let room = self.limit.saturating_sub(self.bytes.len()).min(read);
                    self.bytes.extend_from_slice(&buffer[..room]);
                }
            }
        }
        self.ended = true;
    }

    /// What is stored of it: without secrets, one that the cut has split included.
    fn stream(self, world: &World) -> Stream {
        let cut = self.total > self.bytes.len() as u64 || !self.ended;
        let redactor = world.redactor();
        let clean = if cut { redactor.cut_bytes(&self.bytes) } else { redactor.bytes(&self.bytes) };
        let text = String::from_utf8_lossy(clean.as_deref().unwrap_or(&self.bytes)).into_owned();
        Stream { text, bytes: self.total, cut }
    }
}
