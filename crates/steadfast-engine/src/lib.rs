//! The procedures: run, hold, prove, replay. They know `dyn Check` and `dyn Ledger`, never a kind or a store.
//! Time comes from [`World::clock`](steadfast_core::world::World::clock) alone.

pub mod hold;
pub mod look;
pub mod numbers;
pub mod prove;
pub mod record;
pub mod replay;
pub mod report;
pub mod run;
pub mod stop;
