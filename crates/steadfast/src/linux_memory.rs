//! Linux with glibc: giving back what loading has left behind.

/// Returns freed memory to the system. The tree of a large configuration is freed in small pieces, which glibc keeps
/// until it is asked; a watch would carry them for months.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the only way to ask; it takes no pointer and is safe to call at any time")]
        // SAFETY: malloc_trim(3) has no preconditions and is thread-safe.
        unsafe {
            malloc_trim(0);
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "declares glibc's malloc_trim(3)")]
unsafe extern "C" {
    fn malloc_trim(pad: usize) -> i32;
}
