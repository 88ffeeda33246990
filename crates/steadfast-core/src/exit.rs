//! The exit codes, in one place: documentation, `explain exit-codes` and every command read this list.

/// How a command ended, as the calling script sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Everything that was asked holds.
    Proceed,
    /// Something that was asked does not hold.
    Hold,
    /// The command line or a file it reads is wrong; nothing was judged.
    Usage,
    /// It could not be looked at, so it is neither.
    CannotTell,
    /// Stopped by SIGINT or SIGTERM; what had been seen is printed.
    Interrupted,
}

impl Exit {
    /// Every way to end, in the order of their codes.
    pub const ALL: [Exit; 5] = [Exit::Proceed, Exit::Hold, Exit::Usage, Exit::CannotTell, Exit::Interrupted];

    /// The number that the process returns.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Proceed => 0,
            Exit::Hold => 1,
            Exit::Usage => 2,
            Exit::CannotTell => 3,
            Exit::Interrupted => 130,
        }
    }

    /// One word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Exit::Proceed => "proceed",
            Exit::Hold => "hold",
            Exit::Usage => "usage",
            Exit::CannotTell => "cannot-tell",
            Exit::Interrupted => "interrupted",
        }
    }

    /// What it means and what to do about it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Proceed => "everything that was asked holds",
            Exit::Hold => "something does not hold: read the findings, they come first",
            Exit::Usage => "the command line or the configuration is wrong: nothing was judged",
            Exit::CannotTell => "could not look, or there was nothing to look at: not a pass and not a fail",
            Exit::Interrupted => "stopped by a signal: what had been seen until then is printed",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_ascend_and_none_is_used_twice() {
        assert!(Exit::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
    }
}
