//! Laws of appending and reading.

use std::sync::Arc;

use steadfast_core::ledger::{Batch, Entry, Filter, Head, Ledger, LedgerError};
use steadfast_core::observation::Hash;

use super::Place;
use super::sample::{at, green, note, one_of_each, record, red, run};

/// Opens, and reads everything.
pub async fn all(ledger: &dyn Ledger) -> Vec<Entry> {
    ledger.read(Filter::default(), 0, usize::MAX).await.unwrap()
}

/// Asserts that nothing is wrong with a ledger, and returns its head.
pub async fn intact(ledger: &dyn Ledger) -> Head {
    let found = ledger.verify(None).await.unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.head, ledger.head().await.unwrap());
    found.head
}

/// Law.
pub async fn a_new_ledger_is_empty_and_intact(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    assert_eq!(intact(&*ledger).await, Head::EMPTY);
    assert_eq!(all(&*ledger).await, []);
    assert_eq!(ledger.payload(Hash::of(b"none")).await.unwrap(), None);
    assert_eq!(ledger.newest_green("none", Hash::of(b"none")).await.unwrap(), None);
    assert_eq!(ledger.projections("latest").await.unwrap(), []);
}

/// Law.
pub async fn what_was_committed_is_read_back_in_order_by_every_handle(place: Arc<dyn Place>) {
    let (one, other) = (place.open().unwrap(), place.open().unwrap());
    let batch = one_of_each();
    let head = one.commit(batch.clone()).await.unwrap();
    for ledger in [&one, &other, &place.open().unwrap()] {
        let entries = all(&**ledger).await;
        let records: Vec<_> = entries.iter().map(|entry| entry.record.clone()).collect();
        assert_eq!(records, batch.records);
        assert!(entries.iter().map(|entry| entry.seq).eq(1..=batch.records.len() as u64));
        assert_eq!(ledger.head().await.unwrap(), head);
        for payload in &batch.blobs {
            assert_eq!(ledger.payload(Hash::of(payload)).await.unwrap().as_ref(), Some(payload));
        }
    }
}

/// Law.
pub async fn an_empty_batch_changes_nothing(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let head = ledger.commit(one_of_each()).await.unwrap();
    assert_eq!(ledger.commit(Batch::default()).await.unwrap(), head);
    assert_eq!(intact(&*ledger).await, head);
}

/// Law.
pub async fn the_head_follows_from_the_records(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let head = ledger.commit(one_of_each()).await.unwrap();
    let entries = all(&*ledger).await;
    let mut follows = Head::EMPTY;
    for entry in &entries {
        follows = follows.after(Hash::of(serde_json::to_string(&entry.record).unwrap().as_bytes()));
        assert_eq!(Head { seq: entry.seq, chain: entry.chain }, follows);
    }
    assert_eq!(head, follows);
    assert_eq!(Head::parse(&head.to_string()), Some(head));
}

/// Law.
pub async fn a_commit_after_another_head_is_refused_whole(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let expected = ledger.commit(Batch { records: vec![note(0, "first")], ..Batch::default() }).await.unwrap();
    let found = ledger.commit(Batch { records: vec![note(1, "second")], ..Batch::default() }).await.unwrap();
    let late = Batch { expect_head: Some(expected), ..run("late", 2, 2) };
    let payload = Hash::of(&late.blobs[0]);
    assert_eq!(ledger.commit(late).await, Err(LedgerError::HeadMoved { expected, found }));
    assert_eq!(all(&*ledger).await.len(), 2);
    assert_eq!(ledger.payload(payload).await.unwrap(), None);
    assert_eq!(ledger.projections("latest").await.unwrap(), []);
    assert_eq!(intact(&*ledger).await, found);
}

/// Law.
pub async fn a_commit_after_the_expected_head_is_taken(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let mut head = Head::EMPTY;
    for number in 0..3 {
        let batch = Batch { expect_head: Some(head), ..run(&format!("r{number}"), number, 1) };
        head = ledger.commit(batch).await.unwrap();
    }
    assert_eq!(head.seq, 9);
    assert_eq!(intact(&*ledger).await, head);
}

/// Law.
pub async fn each_filter_lets_its_own_through_and_all_must_match(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    let in_run = |run: &str, second, check| {
        record(steadfast_core::ledger::Observed { run: run.into(), ..green(second, check, b"p") })
    };
    // The clock of the fourth stood still: numbers, not times, give the order.
    let records =
        vec![in_run("r1", 10, "a"), in_run("r1", 20, "b"), in_run("r2", 30, "a"), in_run("r2", 15, "b"), note(40, "n")];
    ledger.commit(Batch { records, ..Batch::default() }).await.unwrap();
    let numbers = async |run: Option<&str>, check: Option<&str>, since: Option<i64>, after| {
        let filter = Filter { run: run.map(Into::into), check: check.map(Into::into), since: since.map(at) };
        let entries = ledger.read(filter, after, usize::MAX).await.unwrap();
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(None, None, None, 0).await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(Some("r1"), None, None, 0).await, [1, 2]);
    assert_eq!(numbers(None, Some("b"), None, 0).await, [2, 4]);
    assert_eq!(numbers(None, None, Some(15), 0).await, [2, 3, 4, 5]);
    assert_eq!(numbers(None, None, Some(15), 2).await, [3, 4, 5]);
    assert_eq!(numbers(None, None, Some(41), 0).await, [0; 0]);
    assert_eq!(numbers(Some("r2"), Some("b"), Some(15), 0).await, [4]);
    assert_eq!(numbers(Some("r2"), Some("b"), Some(16), 0).await, [0; 0]);
    assert_eq!(numbers(Some("r"), None, None, 0).await, [0; 0]);
    assert_eq!(numbers(None, None, None, 3).await, [4, 5]);
    assert_eq!(numbers(None, None, None, u64::MAX).await, [0; 0]);
}

/// Law.
pub async fn reading_in_pages_misses_nothing(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    for number in 0..10 {
        ledger.commit(run(&format!("r{number}"), number, 3)).await.unwrap();
    }
    for filter in [Filter::default(), Filter { since: Some(at(3)), ..Filter::default() }] {
        let whole = ledger.read(filter.clone(), 0, usize::MAX).await.unwrap();
        let (mut pieces, mut after) = (Vec::new(), 0);
        loop {
            let page = ledger.read(filter.clone(), after, 7).await.unwrap();
            assert!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            after = last.seq;
            pieces.extend(page);
        }
        assert_eq!(pieces, whole);
        assert!(whole.len() >= 35);
    }
    assert_eq!(ledger.read(Filter::default(), 0, 0).await.unwrap(), []);
}

/// Law.
pub async fn writers_at_the_same_time_lose_nothing_and_fork_nothing(place: Arc<dyn Place>) {
    const WRITERS: usize = 4;
    const COMMITS: i64 = 100;
    let writers = (0..WRITERS).map(|writer| {
        let ledger = place.open().unwrap();
        tokio::spawn(async move {
            for number in 0..COMMITS {
                ledger.commit(run(&format!("w{writer}-{number}"), number, 1)).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let ledger = place.open().unwrap();
    assert_eq!(intact(&*ledger).await.seq, WRITERS as u64 * COMMITS as u64 * 3);
    let records = all(&*ledger).await;
    for (begin, run) in records.chunks(3).enumerate() {
        let ids: Vec<_> = run.iter().map(|entry| entry.record.run()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "commit {begin} is torn: {ids:?}");
    }
}

/// Law.
pub async fn of_two_who_expect_the_same_head_one_wins(place: Arc<dyn Place>) {
    let (one, other) = (place.open().unwrap(), place.open().unwrap());
    let mut head = Head::EMPTY;
    for number in 0..20 {
        let batch = |who: &str| Batch { expect_head: Some(head), ..run(&format!("{who}{number}"), number, 1) };
        let (mine, theirs) = (batch("mine"), batch("theirs"));
        let (one, other) = (Arc::clone(&one), Arc::clone(&other));
        let mine = tokio::spawn(async move { one.commit(mine).await });
        let theirs = tokio::spawn(async move { other.commit(theirs).await });
        let results = [mine.await.unwrap(), theirs.await.unwrap()];
        let won: Vec<Head> = results.iter().filter_map(|result| result.as_ref().ok()).copied().collect();
        assert_eq!(won.len(), 1, "{results:?}");
        let lost = LedgerError::HeadMoved { expected: head, found: won[0] };
        assert!(results.contains(&Err(lost)), "{results:?}");
        head = won[0];
    }
    assert_eq!(intact(&*one).await, head);
}

/// Law.
pub async fn a_commit_nobody_waits_for_is_whole_or_absent(place: Arc<dyn Place>) {
    let ledger = place.open().unwrap();
    for number in 0..20 {
        drop(ledger.commit(run(&format!("r{number}"), number, 5)));
    }
    let head = ledger.commit(Batch { records: vec![record(red(99, "last", b"p"))], ..Batch::default() }).await.unwrap();
    assert_eq!(head.seq % 7, 1);
    assert_eq!(intact(&*ledger).await, head);
}
