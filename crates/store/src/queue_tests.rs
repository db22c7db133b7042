//! What a batch takes, and when.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::*;

fn queues(shards: usize) -> Queues {
    Queues::new(shards, [7; 8], WORTH)
}

/// So many commands; their answers, which nobody waits for once they are dropped.
fn push(queues: &Queues, shard: Shard, count: usize) -> Vec<oneshot::Receiver<Result<Answer>>> {
    (0..count).map(|_| queues.push(shard, Command::Write(Vec::new())).unwrap()).collect()
}

/// The shards of the next batch, command by command, if there is one.
fn next(queues: &Queues) -> Option<(Vec<Shard>, Batch<'_>)> {
    let (mut next, mut context) = (pin!(queues.next()), Context::from_waker(Waker::noop()));
    // The first time it lets others go first.
    assert!(next.as_mut().poll(&mut context).is_pending());
    match next.poll(&mut context) {
        Poll::Ready(Some(batch)) => Some((batch.jobs.iter().map(|job| job.shard).collect(), batch)),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_shard_after_shard_until_it_is_worth_a_call() {
    let queues = queues(4);
    let _answers = [push(&queues, 2, 20), push(&queues, 0, 20), push(&queues, 2, 5), push(&queues, 1, 31)];
    let (shards, first) = next(&queues).unwrap();
    assert_eq!(shards, [vec![2; 25], vec![0; 20]].concat());
    assert!(next(&queues).is_none(), "31 commands are not worth a call beside another");
    let _more = push(&queues, 1, 1);
    let (shards, _second) = next(&queues).unwrap();
    assert_eq!(shards, [1; 32]);
    let _waits = push(&queues, 0, 40);
    assert!(next(&queues).is_none(), "the shard is taken");
    drop(first);
    assert_eq!(next(&queues).unwrap().0, [0; 40]);
}

#[tokio::test(start_paused = true)]
async fn the_more_calls_the_database_has_the_more_it_takes_for_another() {
    for (nodes, calls) in [(1, [1, 2, 3]), (3, [3, 4, 5]), (50, [4, 5, 6])] {
        let queues = queues(5);
        queues.set_nodes(nodes);
        // Whoever is alone waits for nobody.
        let _answer = push(&queues, 4, 1);
        let mut under_way = vec![next(&queues).unwrap().1];
        for (shard, calls) in (0..).zip(calls) {
            let _answers = push(&queues, shard, calls * WORTH - 1);
            assert!(next(&queues).is_none(), "{nodes} nodes, {} calls", under_way.len());
            let _answer = push(&queues, shard, 1);
            let (_, batch) = next(&queues).unwrap();
            assert_eq!(batch.jobs.len(), calls * WORTH);
            under_way.push(batch);
        }
        under_way.truncate(1);
        let _enough = [push(&queues, 0, WORTH * calls[0] - 1), push(&queues, 1, 7), push(&queues, 2, 1)];
        let (shards, _) = next(&queues).unwrap();
        assert_eq!(shards.len(), WORTH * calls[0] + 6, "shard after shard up to the same number");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_sleeps_is_woken_when_there_is_enough_for_another_call() {
    let queues = Arc::new(queues(4));
    let sleeper = || {
        let queues = Arc::clone(&queues);
        tokio::spawn(async move { queues.next().await.map(|batch| batch.jobs.len()) })
    };
    let soon = || tokio::time::sleep(Duration::from_millis(1));
    let begun = Instant::now();
    let _first = push(&queues, 0, 1);
    let _under_way = next(&queues).unwrap();
    let _second = push(&queues, 1, WORTH);
    let _too = next(&queues).unwrap();
    let asleep = sleeper();
    soon().await;
    let _not_enough = push(&queues, 2, 2 * WORTH - 1);
    soon().await;
    assert!(!asleep.is_finished());
    let _enough = push(&queues, 2, 1);
    assert_eq!(asleep.await.unwrap(), Some(2 * WORTH));
    queues.set_nodes(3);
    let asleep = sleeper();
    let _enough_for_one_node = push(&queues, 3, 2 * WORTH);
    soon().await;
    assert!(!asleep.is_finished());
    queues.set_nodes(1);
    assert_eq!(asleep.await.unwrap(), Some(2 * WORTH));
    assert!(begun.elapsed() < SLOW, "it was not the clock that woke them");
}

/// How many milliseconds the next batch takes to leave, and with how many commands.
async fn leaves(queues: &Queues) -> (u128, usize) {
    let begun = Instant::now();
    let batch = queues.next().await.unwrap();
    (begun.elapsed().as_millis(), batch.jobs.len())
}

/// A batch of so many was just committed.
async fn after_a_batch(queues: &Queues, count: usize) {
    let _answers = push(queues, 0, count);
    while queues.inner.lock().waiting > 0 {
        drop(queues.next().await);
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_company_others_may_join_but_nobody_waits_who_is_alone() {
    let queues = queues(2);
    // The clock of a timer counts whole milliseconds, and wakes after them.
    for (count, waits_ms) in [(1, 0..=0), (2, 2..=3), (40, 2..=3)] {
        after_a_batch(&queues, count).await;
        let _next = push(&queues, 1, 1);
        let (waited, _) = leaves(&queues).await;
        assert!(waits_ms.contains(&waited), "{count}: {waited}");
        let _next = push(&queues, 1, 1);
        assert_eq!(leaves(&queues).await, (0, 1), "whoever turned out to be alone waits once, after {count}");
    }
    for (count, enough) in [(4, 4), (40, WORTH)] {
        after_a_batch(&queues, count).await;
        let _enough = push(&queues, 1, enough);
        assert_eq!(leaves(&queues).await, (0, enough), "all who were here are here again, or enough for a call");
    }
    after_a_batch(&queues, 4).await;
    tokio::time::advance(GATHER * 2).await;
    let _late = push(&queues, 1, 1);
    assert_eq!(leaves(&queues).await, (0, 1), "company of before is none");
    after_a_batch(&queues, 4).await;
    let _last = push(&queues, 1, 1);
    queues.close();
    assert_eq!(leaves(&queues).await, (0, 1), "nobody comes any more");
}

#[tokio::test(start_paused = true)]
async fn the_last_one_who_is_waited_for_is_not_kept_waiting() {
    let queues = Arc::new(queues(2));
    queues.set_nodes(4);
    // One was in it, and two wait behind it: three are here.
    let _first = push(&queues, 0, 1);
    let (_, batch) = next(&queues).unwrap();
    let _behind = push(&queues, 0, 2);
    drop(batch);
    let last = tokio::spawn({
        let queues = queues.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            push(&queues, 1, 1)
        }
    });
    let (waited, size) = leaves(&queues).await;
    assert!(waited <= 2 && size == 3, "{waited} ms, {size}");
    drop(last.await);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_leave_is_no_company() {
    let queues = queues(2);
    let _stuck = push(&queues, 0, 1);
    let (_, mut stuck) = next(&queues).unwrap();
    stuck.doubt();
    let _behind = push(&queues, 0, 20);
    for _ in 0..3 {
        let _next = push(&queues, 1, 1);
        assert_eq!(leaves(&queues).await, (0, 1));
    }
    // What is given back is not counted twice: two are here, and nobody else.
    let queues = self::queues(2);
    let _answers = [push(&queues, 0, 1), push(&queues, 1, 1)];
    let (_, mut batch) = next(&queues).unwrap();
    let jobs = mem::take(&mut batch.jobs);
    batch.give_back(jobs);
    drop(batch);
    assert_eq!(leaves(&queues).await, (0, 2));
}

#[tokio::test(start_paused = true)]
async fn the_more_nodes_there_are_the_longer_others_may_join() {
    for (nodes, waits_ms, joined) in [(0, 2..=3, 2..=2), (1, 2..=3, 2..=2), (3, 6..=7, 3..=4), (50, 8..=9, 4..=5)] {
        let queues = Arc::new(queues(2));
        queues.set_nodes(nodes);
        after_a_batch(&queues, 20).await;
        let _first = push(&queues, 1, 1);
        let others = tokio::spawn({
            let queues = queues.clone();
            async move {
                let mut answers = Vec::new();
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    answers.extend(push(&queues, 1, 1));
                }
            }
        });
        let (waited, size) = leaves(&queues).await;
        others.abort();
        assert!(waits_ms.contains(&waited) && joined.contains(&size), "{nodes}: {waited} ms, {size}");
    }
    let queues = queues(2);
    queues.set_nodes(3);
    after_a_batch(&queues, 4).await;
    let _last = push(&queues, 1, 1);
    assert!(leaves(&queues).await.0 <= 4, "nobody comes any more");
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_past_a_batch_in_doubt_but_not_in_its_shard() {
    let queues = queues(2);
    let _answers = [push(&queues, 0, 1), push(&queues, 1, 1)];
    let (_, mut doubtful) = next(&queues).unwrap();
    let _waits = [push(&queues, 0, 1), push(&queues, 1, 1)];
    assert!(next(&queues).is_none());
    doubtful.doubt();
    doubtful.doubt();
    assert!(next(&queues).is_none(), "both shards are taken");
    drop(doubtful);
    tokio::time::advance(GATHER).await;
    let (shards, mut doubtful) = next(&queues).unwrap();
    assert_eq!(shards, [0], "it shares no batch until one has not been in doubt");
    assert!(next(&queues).is_none());
    doubtful.doubt();
    assert_eq!(next(&queues).unwrap().0, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_fit_is_the_next_batchs() {
    let queues = queues(2);
    let large = || {
        let text = crate::Value::Text("x".repeat(BATCH_BYTES));
        Command::Write(vec![crate::Stmt::new("", vec![text])])
    };
    let _small = push(&queues, 0, 1);
    let _large = queues.push(1, large()).unwrap();
    let (shards, first) = next(&queues).unwrap();
    assert_eq!((shards, &first.shards[..]), (vec![0], &[0][..]));
    let _more = push(&queues, 0, 1);
    drop(first);
    tokio::time::advance(GATHER).await;
    assert_eq!(next(&queues).unwrap().0[0], 1, "it comes before what came after it");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_was_given_up() {
    let queues = queues(1);
    drop(push(&queues, 0, 3));
    let _answers = push(&queues, 0, 2);
    assert_eq!(next(&queues).unwrap().0, [0, 0]);
    assert_eq!(queues.inner.lock().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn the_queues_are_limited() {
    let queues = queues(2);
    let answers = push(&queues, 0, LIMIT);
    assert!(matches!(queues.push(1, Command::Write(Vec::new())), Err(Error::Overloaded)));
    let (_, batch) = next(&queues).unwrap();
    assert_eq!(batch.jobs.len(), BATCH);
    assert!(queues.push(1, Command::Write(Vec::new())).is_ok());
    // What is put back was accepted already.
    let (mut batch, _more) = (batch, push(&queues, 1, BATCH - 1));
    let jobs = mem::take(&mut batch.jobs);
    batch.give_back(jobs);
    assert_eq!(queues.inner.lock().waiting, LIMIT + BATCH);
    assert!(matches!(queues.push(1, Command::Write(Vec::new())), Err(Error::Overloaded)));
    drop((batch, answers));
}

#[tokio::test(start_paused = true)]
async fn the_bytes_in_the_queues_are_limited() {
    let queues = queues(2);
    let large = || Command::Write(vec![crate::db::Stmt::new("", crate::params!["x".repeat(LIMIT_BYTES / 4)])]);
    let answers: Vec<_> = (0..4).map(|_| queues.push(0, large()).unwrap()).collect();
    assert!(matches!(queues.push(1, Command::Write(Vec::new())), Err(Error::Overloaded)));
    let (_, mut batch) = next(&queues).unwrap();
    assert_eq!(batch.jobs.len(), 1, "each has more than a batch should");
    let _more = queues.push(1, large()).unwrap();
    let jobs = mem::take(&mut batch.jobs);
    batch.give_back(jobs);
    drop(batch);
    assert!(matches!(queues.push(1, Command::Write(Vec::new())), Err(Error::Overloaded)));
    while let Some((_, batch)) = next(&queues) {
        drop(batch);
        tokio::time::advance(SLOW).await;
    }
    assert_eq!(queues.inner.lock().waiting_bytes, 0);
    drop(answers);
}

#[tokio::test(start_paused = true)]
async fn a_slow_batch_holds_up_other_shards_for_a_second_and_its_own_for_five() {
    let queues = queues(2);
    let _answers = [push(&queues, 0, 1), push(&queues, 0, 1)];
    let (_, _slow) = next(&queues).unwrap();
    let _waits = push(&queues, 1, 1);
    assert!(next(&queues).is_none());
    let begun = Instant::now();
    let other = queues.next().await.unwrap();
    assert_eq!((other.jobs[0].shard, begun.elapsed().as_secs()), (1, 1));
    drop(other);
    let _behind = push(&queues, 0, 1);
    tokio::time::advance(STUCK).await;
    assert!(matches!(queues.push(0, Command::Write(Vec::new())), Err(Error::Overloaded)));
    let _elsewhere = push(&queues, 1, 1);
}

#[tokio::test]
async fn closed_queues_end_when_all_is_done() {
    let queues = Arc::new(queues(1));
    let _answers = push(&queues, 0, 1);
    let batch = queues.next().await.unwrap();
    let _waits = push(&queues, 0, 1);
    queues.close();
    assert!(matches!(queues.push(0, Command::Write(Vec::new())), Err(Error::Closed)));
    let waiting = tokio::spawn({
        let queues = queues.clone();
        async move { queues.next().await.map(|batch| batch.jobs.len()) }
    });
    tokio::task::yield_now().await;
    drop(batch);
    assert_eq!(waiting.await.unwrap(), Some(1));
    assert!(queues.next().await.is_none());
}
