//! Laws of what is kept, and for how long.

use std::sync::Arc;

use steadfast_core::ledger::{Batch, Checkpoint, Keep, Ledger, Observed, Pruned, Record};
use steadfast_core::observation::Hash;

use super::Place;
use super::appending::{all, intact};
use super::sample::{at, batch, green, look, record, red};

async fn kept(ledger: &dyn Ledger, payload: &[u8]) -> bool {
    let found = ledger.payload(Hash::of(payload)).await.unwrap();
    assert!(found.is_none() || found.as_deref() == Some(payload));
    found.is_some()
}

/// Law.
pub async fn the_newest_green_is_found_by_check_and_look(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let other_look = |seen: Observed| Observed { look_hash: look("other"), ..seen };
    let newest = green(2, "a", b"a2");
    ledger
        .commit(batch([
            (green(1, "a", b"a1"), b"a1"),
            (newest.clone(), b"a2"),
            (red(3, "a", b"a3"), b"a3"),
            (green(4, "b", b"b4"), b"b4"),
            (other_look(green(5, "a", b"a5")), b"a5"),
        ]))
        .await
        .unwrap();
    let found = ledger.newest_green("a", look("look")).await.unwrap().unwrap();
    assert_eq!(found.observed, newest);
    assert_eq!(found.payload.as_deref(), Some(&b"a2"[..]));
    let found = ledger.newest_green("a", look("other")).await.unwrap().unwrap();
    assert_eq!(found.payload.as_deref(), Some(&b"a5"[..]));
    assert_eq!(ledger.newest_green("c", look("look")).await.unwrap(), None);
    assert_eq!(ledger.newest_green("a", look("third")).await.unwrap(), None);
    // A green whose payload was not given is the newest all the same.
    let without = green(6, "b", b"never given");
    ledger.commit(Batch { records: vec![record(without.clone())], ..Batch::default() }).await.unwrap();
    let found = ledger.newest_green("b", look("look")).await.unwrap().unwrap();
    assert_eq!((found.observed, found.payload), (without, None));
    intact(&*ledger).await;
}

/// Law.
pub async fn a_green_payload_goes_when_a_newer_green_comes(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    ledger.commit(batch([(green(1, "a", b"old"), b"old"), (green(1, "b", b"other"), b"other")])).await.unwrap();
    assert!(kept(&*ledger, b"old").await);
    ledger.commit(batch([(green(2, "a", b"new"), b"new")])).await.unwrap();
    assert!(!kept(&*ledger, b"old").await);
    assert!(kept(&*ledger, b"new").await);
    assert!(kept(&*ledger, b"other").await);
    // Within one batch, too.
    ledger.commit(batch([(green(3, "a", b"3"), b"3"), (green(4, "a", b"4"), b"4")])).await.unwrap();
    assert!(!kept(&*ledger, b"new").await && !kept(&*ledger, b"3").await && kept(&*ledger, b"4").await);
    intact(&*ledger).await;
}

/// Law.
pub async fn a_fail_keeps_its_payload_when_greens_come(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let changed = Observed { keep: Keep::UntilPruned, ..green(2, "a", b"changed") };
    ledger.commit(batch([(red(1, "a", b"red"), b"red"), (changed, b"changed")])).await.unwrap();
    ledger.commit(batch([(green(3, "a", b"new"), b"new")])).await.unwrap();
    assert!(kept(&*ledger, b"red").await && kept(&*ledger, b"changed").await && kept(&*ledger, b"new").await);
    intact(&*ledger).await;
}

/// Law.
pub async fn an_equal_payload_stays_as_long_as_one_record_keeps_it(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let same: &[u8] = b"same";
    ledger.commit(batch([(green(1, "a", same), same), (green(1, "b", same), same)])).await.unwrap();
    ledger.commit(batch([(green(2, "a", same), same)])).await.unwrap();
    ledger.commit(batch([(green(3, "a", b"a3"), b"a3")])).await.unwrap();
    assert!(kept(&*ledger, same).await, "b keeps it");
    // It is there already, so it need not be given again.
    ledger.commit(Batch { records: vec![record(green(4, "c", same))], ..Batch::default() }).await.unwrap();
    ledger.commit(batch([(green(5, "b", b"b5"), b"b5")])).await.unwrap();
    assert!(kept(&*ledger, same).await, "c keeps it");
    intact(&*ledger).await;
    ledger.commit(batch([(green(6, "c", b"c6"), b"c6")])).await.unwrap();
    assert!(!kept(&*ledger, same).await, "none keeps it");
    intact(&*ledger).await;
}

/// Law.
pub async fn a_payload_that_no_record_names_is_not_stored(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    ledger.commit(Batch { blobs: vec![b"stray".to_vec()], ..Batch::default() }).await.unwrap();
    assert!(!kept(&*ledger, b"stray").await);
    intact(&*ledger).await;
}

/// Law.
pub async fn a_fail_is_never_kept_as_a_green(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let mistaken = Observed { keep: Keep::WhileNewestGreen, ..red(1, "a", b"red") };
    ledger.commit(batch([(mistaken, b"red")])).await.unwrap();
    assert_eq!(ledger.newest_green("a", look("look")).await.unwrap(), None);
    ledger.commit(batch([(green(2, "a", b"new"), b"new")])).await.unwrap();
    assert!(kept(&*ledger, b"red").await, "evidence is kept rather than lost");
    intact(&*ledger).await;
}

/// Law.
pub async fn prune_drops_old_payloads_and_keeps_records_and_newest_greens(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    ledger
        .commit(batch([
            (red(1, "a", b"old red"), b"old red"),
            (red(2, "b", b"shared"), b"shared"),
            (green(3, "a", b"newest green"), b"newest green"),
            (red(10, "a", b"young red"), b"young red"),
            (red(11, "b", b"shared"), b"shared"),
        ]))
        .await
        .unwrap();
    let pruned = ledger.prune(at(10), at(100)).await.unwrap();
    assert_eq!(pruned, Pruned { dropped: 1, bytes: 7 });
    assert!(!kept(&*ledger, b"old red").await);
    for stays in [&b"shared"[..], b"newest green", b"young red"] {
        assert!(kept(&*ledger, stays).await, "{stays:?}");
    }
    let entries = all(&*ledger).await;
    assert_eq!(entries.len(), 6, "no record goes");
    let checkpoint = Record::Checkpoint(Checkpoint { at: at(100), before: at(10), dropped: 1, bytes: 7 });
    assert_eq!(entries[5].record, checkpoint);
    intact(&*ledger).await;
    let again = ledger.prune(at(12), at(101)).await.unwrap();
    assert_eq!(again, Pruned { dropped: 2, bytes: 15 });
    assert!(kept(&*ledger, b"newest green").await);
    intact(&*ledger).await;
}

/// Law.
pub async fn a_pruned_newest_green_goes_when_a_newer_green_comes(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let changed = Observed { keep: Keep::UntilPruned, ..green(1, "a", b"changed") };
    ledger.commit(batch([(changed, b"changed")])).await.unwrap();
    ledger.prune(at(10), at(100)).await.unwrap();
    assert!(kept(&*ledger, b"changed").await);
    ledger.commit(batch([(green(101, "a", b"new"), b"new")])).await.unwrap();
    assert!(!kept(&*ledger, b"changed").await);
    intact(&*ledger).await;
}
