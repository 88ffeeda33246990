//! What the C library asks for names. glibc reads that from `/etc/nsswitch.conf` and loads a shared object for each word
//! there but `files` and `dns`. A static binary must not: the objects belong to the machine's own glibc, which may be
//! another one, or to none at all.

/// To be called first of all: a static binary asks `/etc/hosts` and the name servers of `/etc/resolv.conf` for hosts,
/// and `/etc/passwd` for people, and loads nothing. Of another binary it changes nothing.
pub fn of_a_static_binary() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    glibc::keep_to_what_is_built_in();
}

#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
#[expect(unsafe_code, reason = "glibc has no other way to be told")]
mod glibc {
    use std::ffi::{CStr, c_char, c_int};

    /// What we ask glibc for, and who is to answer: the databases and words of nsswitch.conf(5).
    const ANSWERS: [(&CStr, &CStr); 2] = [(c"hosts", c"files dns"), (c"passwd", c"files")];

    unsafe extern "C" {
        /// `nss.h`: the line of a database in place of the file's, for the rest of the process.
        fn __nss_configure_lookup(database: *const c_char, line: *const c_char) -> c_int;
    }

    pub(super) fn keep_to_what_is_built_in() {
        for (database, line) in ANSWERS {
            // SAFETY: both are terminated, and glibc copies what it keeps of them.
            let refused = unsafe { __nss_configure_lookup(database.as_ptr(), line.as_ptr()) };
            debug_assert_eq!(refused, 0, "glibc knows these databases");
        }
    }
}
