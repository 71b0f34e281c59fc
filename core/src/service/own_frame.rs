//! Work that is kept apart: what it takes of the stack is taken only while it goes on.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// Goes on with `work` in a call of its own.
///
/// Without it, a compiler that folds all that can be asked of a box into one function has that
/// function take the stack of everything at once, and a device has a few kilobytes of it.
pub(super) fn on_own_frame<W: Future>(work: Pin<&mut W>) -> impl Future<Output = W::Output> {
    Apart(work)
}

struct Apart<'w, W>(Pin<&'w mut W>);

impl<W: Future> Future for Apart<'_, W> {
    type Output = W::Output;

    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<W::Output> {
        self.0.as_mut().poll(context)
    }
}
