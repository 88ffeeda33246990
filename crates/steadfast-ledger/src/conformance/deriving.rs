//! Laws of projections: a fold over the records, at any time.

use std::sync::Arc;

use serde_json::json;
use steadfast_core::ledger::{Batch, Ledger, Projection};
use steadfast_core::observation::Hash;

use super::appending::intact;
use super::sample::{at, batch, green, look, one_of_each, red, run};
use super::{Damage, Place};

async fn latest(ledger: &dyn Ledger) -> Vec<(String, String)> {
    let values = ledger.projections("latest").await.unwrap();
    values.into_iter().map(|latest| (latest.key, latest.value["verdict"].as_str().unwrap().to_owned())).collect()
}

/// Law.
pub async fn the_latest_state_of_each_check_is_a_projection(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    ledger.commit(batch([(red(1, "b", b"1"), b"1"), (green(1, "a", b"2"), b"2")])).await.unwrap();
    assert_eq!(latest(&*ledger).await, [("a".into(), "pass".into()), ("b".into(), "fail".into())]);
    ledger.commit(batch([(green(2, "b", b"3"), b"3")])).await.unwrap();
    assert_eq!(latest(&*ledger).await, [("a".into(), "pass".into()), ("b".into(), "pass".into())]);
    ledger.commit(run("r9", 3, 0)).await.unwrap();
    let runs = ledger.projections("latest-run").await.unwrap();
    assert_eq!(runs[0].value, json!({ "run": "r9", "at": at(3), "decision": "proceed" }));
}

/// Law.
pub async fn a_projection_in_the_batch_replaces_the_one_before(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    for value in [1, 2] {
        let outbox = Projection { name: "outbox".into(), key: "k".into(), value: json!(value) };
        ledger.commit(Batch { projections: vec![outbox.clone()], ..Batch::default() }).await.unwrap();
        assert_eq!(ledger.projections("outbox").await.unwrap(), [outbox]);
    }
}

/// Law.
pub async fn a_rebuild_changes_nothing_that_is_right(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let same: &[u8] = b"same";
    ledger.commit(one_of_each()).await.unwrap();
    ledger.commit(batch([(red(1, "a", b"old"), b"old"), (green(2, "a", b"3"), b"3")])).await.unwrap();
    ledger.prune(at(3), at(4)).await.unwrap();
    ledger.commit(batch([(green(5, "c", same), same), (green(6, "d", same), same)])).await.unwrap();
    ledger.commit(batch([(green(7, "c", b"c"), b"c"), (red(8, "d", b"d"), b"d")])).await.unwrap();
    let payloads = [b"old", b"3".as_slice(), same, b"c", b"d", b"{\"status\":500}"];
    let state = async || {
        let mut kept = Vec::new();
        for payload in payloads {
            kept.push(ledger.payload(Hash::of(payload)).await.unwrap().is_some());
        }
        let green = ledger.newest_green("d", look("look")).await.unwrap();
        (kept, green, ledger.projections("latest").await.unwrap(), ledger.projections("latest-run").await.unwrap())
    };
    let before = state().await;
    assert_eq!(before.0, [false, true, true, true, true, false]);
    let head = intact(&*ledger).await;
    assert_eq!(ledger.rebuild().await.unwrap(), 6);
    assert_eq!(state().await, before);
    assert_eq!(intact(&*ledger).await, head);
}

/// Law.
pub async fn a_rebuild_mends_projections(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    ledger.commit(run("r1", 1, 5)).await.unwrap();
    let before = ledger.projections("latest").await.unwrap();
    drop(ledger);
    for damage in [Damage::ChangeProjection, Damage::LoseProjections] {
        place.damage(damage);
        let ledger = place.open().unwrap();
        assert_ne!(ledger.verify(None).await.unwrap().faults, Vec::<String>::new(), "{damage:?}");
        assert_eq!(ledger.rebuild().await.unwrap(), 6);
        assert_eq!(ledger.projections("latest").await.unwrap(), before);
        intact(&*ledger).await;
    }
}
