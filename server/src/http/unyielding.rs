//! A future that wakes itself while it is polled is polled again at once, without a way through the scheduler.
//!
//! A connection of HTTP/1 does so for each request with a body: who reads the body and who fills it are one task, and each
//! tells the other. The scheduler would put the task behind all others and wake another thread to look for it, which costs a
//! webhook's acknowledgement a sixth of its time.

use futures::task::AtomicWaker;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls in a row, so that one that always wakes itself lets others go on.
const ROUNDS: usize = 8;

/// It is being polled.
const POLLED: u8 = 1;
/// Something woke it since the last poll began.
const WOKEN: u8 = 2;

/// Who wakes the future, while it is polled and otherwise.
#[derive(Default)]
struct Wakes {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) == 0 {
            self.task.wake();
        }
    }
}

/// The output of a future, polled as said above.
pub(super) async fn unyielding<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    poll_fn(|task| {
        wakes.task.register(task.waker());
        for _ in 0..ROUNDS {
            wakes.state.swap(POLLED, Ordering::AcqRel);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            let settled =
                wakes
                    .state
                    .compare_exchange(POLLED, 0, Ordering::AcqRel, Ordering::Acquire);
            if settled.is_ok() {
                return Poll::Pending;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::{ROUNDS, unyielding};
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use tokio::sync::oneshot;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls once; the outcome, and how often the task was woken by then.
    fn poll_once<T>(future: impl Future<Output = T>) -> (Poll<T>, usize) {
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        let polled = pin!(future).poll(&mut Context::from_waker(&waker));
        (polled, task.0.load(Ordering::Relaxed))
    }

    #[test]
    fn what_wakes_itself_is_polled_again_at_once() {
        let mut polls = 0;
        let woken_once = poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls == 1 {
                Poll::Pending
            } else {
                Poll::Ready(polls)
            }
        });
        assert_eq!(poll_once(unyielding(woken_once)), (Poll::Ready(2), 0));
    }

    #[test]
    fn what_always_wakes_itself_lets_others_go_on() {
        let mut polls = 0;
        let restless = poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(poll_once(unyielding(restless)), (Poll::Pending, 1));
        assert_eq!(polls, ROUNDS);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_waking_is_lost_wherever_it_comes_from() {
        let (far, mut questions) = tokio::sync::mpsc::channel::<oneshot::Sender<u32>>(1);
        let answering = tokio::spawn(async move {
            let mut number = 0;
            while let Some(question) = questions.recv().await {
                question.send(number).ok();
                number += 1;
            }
        });
        let asking = tokio::spawn(unyielding(async move {
            for expected in 0..20_000 {
                let (answer, answered) = oneshot::channel();
                far.send(answer).await.ok();
                assert_eq!(answered.await, Ok(expected));
            }
        }));
        asking.await.expect("all was answered");
        answering.await.expect("nothing is asked any more");
    }
}
