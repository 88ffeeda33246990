//! The looking machinery that kinds share. It has no expectations: it looks, and says what kept it from looking.

pub mod patience;
pub mod system;
