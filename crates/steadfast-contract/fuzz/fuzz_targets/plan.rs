//! Any bytes, by the name cache's contract or a random one (the first byte says which): the plan against the official
//! judge, with every scan engine. `cargo +nightly fuzz run plan -- -detect_leaks=0`: of a schema that refers to itself the
//! official judge keeps a part for ever, once per process.
#![no_main]

use std::cell::OnceCell;

use fuzz_contract::random::Random;
use fuzz_contract::campaign::{compare, name_cache};
use fuzz_contract::schema::schema;
use libfuzzer_sys::fuzz_target;
use steadfast_contract::contract::{Contract, Options};
use steadfast_contract::plan::bug::Sound;
use steadfast_contract::scan::Engine;

thread_local! {
    static CONTRACTS: OnceCell<Vec<Contract>> = const { OnceCell::new() };
}

fn contracts() -> Vec<Contract> {
    let mut random = Random(1);
    let mut contracts = vec![name_cache()];
    while contracts.len() < 64 {
        contracts.extend(Contract::parse("random", schema(&mut random).to_string().as_bytes(), &Options::default()));
    }
    let engines = Engine::all();
    contracts.into_iter().enumerate().map(|(at, contract)| contract.with_engine(engines[at % engines.len()])).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, record)) = bytes.split_first() else { return };
    CONTRACTS.with(|known| {
        let known = known.get_or_init(contracts);
        let contract = &known[usize::from(*which) % known.len()];
        let (_, wrong) = compare(contract, record, contract.plan().judge(record, Sound));
        assert!(wrong.is_none(), "{wrong:?}: {}", contract.schema);
    });
});
