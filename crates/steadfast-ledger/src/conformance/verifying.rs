//! Laws of `verify`: what it must find, and that it says where.

use std::sync::Arc;

use steadfast_core::ledger::Head;
use steadfast_core::observation::Hash;

use super::sample::{batch, green, red, run};
use super::{Damage, Place};

/// Ten records: a run of eight checks.
async fn filled(place: &dyn Place) -> Head {
    place.open().unwrap().commit(run("r1", 1, 8)).await.unwrap()
}

async fn check(place: Arc<dyn Place>, damage: Damage, known: Option<Head>, says: &str) {
    filled(&*place).await;
    place.damage(damage);
    let ledger = place.open().unwrap();
    let found = ledger.verify(known).await.unwrap();
    assert!(found.faults.iter().any(|fault| fault.contains(says)), "{damage:?}: no `{says}` in {:#?}", found.faults);
}

/// Law.
pub async fn a_flipped_bit_in_a_record_is_found(place: Arc<dyn Place>) {
    check(place, Damage::FlipInRecord(5), None, "record 5 ").await;
}

/// Law.
pub async fn a_flipped_bit_in_a_payload_is_found(place: Arc<dyn Place>) {
    let payload = Hash::of(b"{\"seen\":\"check-3 in r1\"}");
    check(place, Damage::FlipInPayload(payload), None, &payload.short()).await;
}

/// Law.
pub async fn a_lost_payload_is_found(place: Arc<dyn Place>) {
    let payload = Hash::of(b"{\"seen\":\"check-3 in r1\"}");
    check(place, Damage::LosePayload(payload), None, "of record 5 is missing").await;
}

/// Law.
pub async fn a_lost_record_in_the_middle_is_found(place: Arc<dyn Place>) {
    check(place, Damage::LoseRecord(5), None, "record 5 is missing").await;
}

/// Law.
pub async fn a_cut_tail_is_found_with_a_known_head(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let early = ledger.commit(batch([(green(1, "a", b"1"), b"1")])).await.unwrap();
    let known = ledger.commit(batch([(green(2, "a", b"2"), b"2"), (red(3, "a", b"3"), b"3")])).await.unwrap();
    drop(ledger);
    place.damage(Damage::CutAfter(1));
    let ledger = place.open().unwrap();
    let without = ledger.verify(None).await.unwrap();
    assert_eq!((without.head, without.faults), (early, vec![]), "nothing else can know");
    let found = ledger.verify(Some(known)).await.unwrap();
    assert!(found.faults.iter().any(|fault| fault.contains("the tail is cut")), "{:?}", found.faults);
}

/// Law.
pub async fn a_cut_tail_is_found_when_the_store_remembers_its_head(place: Arc<dyn Place>) {
    check(place, Damage::CutRecordsAfter(6), None, "the tail is cut").await;
}

/// Law.
pub async fn a_known_head_of_another_history_is_found(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let head = ledger.commit(run("r1", 1, 8)).await.unwrap();
    let another = Head { seq: 4, chain: head.chain };
    let found = ledger.verify(Some(another)).await.unwrap();
    assert!(found.faults.iter().any(|fault| fault.contains("the history was rewritten")), "{:?}", found.faults);
    assert_eq!(found.head, head);
}

/// Law.
pub async fn every_earlier_head_is_known(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let mut heads = vec![Head::EMPTY];
    for number in 0..5 {
        heads.push(ledger.commit(run(&format!("r{number}"), number, 2)).await.unwrap());
    }
    for head in heads {
        assert_eq!(ledger.verify(Some(head)).await.unwrap().faults, Vec::<String>::new(), "{head}");
    }
}

/// Law.
pub async fn a_changed_projection_is_found(place: Arc<dyn Place>) {
    check(place, Damage::ChangeProjection, None, "projection ").await;
}
