//! Any bytes as a page: the parser against a slow one that follows the file format document.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| steadfast_sqlite::any_page::judge(bytes));
