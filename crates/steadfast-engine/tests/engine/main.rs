//! The engine against a scripted kind and a clock that waits for nobody.

mod exit_codes;
mod holding;
mod proving;
mod recording;
mod report_schema;
mod toy;
