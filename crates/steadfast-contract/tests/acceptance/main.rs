//! The crate as its users meet it: files in, reports out.

mod baselines;
mod broken_input;
mod contracts;
mod data;
mod forms;
mod meaning;
mod merging;
mod name_cache;
mod repairs;
mod samples;
mod traps;
