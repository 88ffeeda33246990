//! What a person sees on a terminal while a run is under way, and what is left of it when it is over.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::shop::{Answer, Shop, http};

const COLUMNS: u16 = 60;

/// A terminal of our own, with what was written to it so far.
struct Terminal {
    screen: File,
    written: String,
    child: Child,
}

impl Terminal {
    fn run(command: &mut Command) -> Terminal {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let other: OwnedFd = File::options().read(true).write(true).open(name).unwrap().into();
        tcsetwinsize(&other, Winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let end = || Stdio::from(other.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // The command holds clones of the terminal's other end, too: with it they go, and reading ends.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Terminal { screen: screen.into(), written: String::new(), child }
    }

    /// Reads until the screen shows this, or to the end of the program.
    fn reads(&mut self, until: Option<&str>) -> String {
        loop {
            let shown = shown(&self.written);
            if until.is_some_and(|text| shown.contains(text)) {
                return shown;
            }
            let mut bytes = [0; 4096];
            match self.screen.read(&mut bytes) {
                Ok(count) if count > 0 => self.written.push_str(&String::from_utf8_lossy(&bytes[..count])),
                // When nobody holds the other end any more, Linux answers EIO.
                Ok(_) | Err(_) if until.is_none() => return shown,
                Ok(_) | Err(_) => panic!("it ended without showing {until:?}:\n{shown}"),
            }
        }
    }
}

/// What stands on the screen: lines, of which a carriage return begins anew and `\x1b[K` erases the rest. Colours are
/// not looked at.
fn shown(written: &str) -> String {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        let line = lines.last_mut().unwrap();
        match c {
            '\n' => lines.push(Vec::new()),
            '\r' => column = 0,
            '\x1b' => {
                let sequence: String = rest.by_ref().take_while(|c| !c.is_ascii_alphabetic()).collect();
                // The letter itself was taken as well; `[K` is the only one without a number.
                if sequence == "[" {
                    line.truncate(column);
                }
            }
            c => {
                line.truncate(column);
                line.push(c);
                column += 1;
            }
        }
        assert!(lines.last().unwrap().len() <= usize::from(COLUMNS), "a line would wrap:\n{written:?}");
    }
    lines.iter().map(|line| line.iter().collect::<String>() + "\n").collect()
}

#[test]
fn the_line_says_what_is_waited_for_and_leaves_nothing_behind() {
    let long = "a-check-with-a-name-that-is-much-longer-than-any-terminal-is-wide-at-night";
    let checks = [http("quick", "/quick", "status = 200"), http(long, "/hanging", "status = 200")].concat();
    let shop = Shop::with(&checks);
    shop.server.set("/quick", Answer::Page("welcome"));
    shop.server.set("/hanging", Answer::Never);
    let mut terminal = Terminal::run(&mut shop.command(&["verify", "--parallel", "1", "--seed", "1", "--no-ledger"]));
    let during = terminal.reads(Some("1/2 looked at"));
    assert!(during.contains("1/2 looked at · a-check-with-a-name"), "{during}");
    let id = rustix::process::Pid::from_child(&terminal.child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let after = terminal.reads(None);
    assert_eq!(terminal.child.wait().unwrap().code(), Some(130), "{after}");
    assert!(!after.contains("looked at ·") && after.contains("INTERRUPTED  1 of 2 checks seen"), "{after}");
}
