//! Runs a future above the main program, in an interrupt of its own. Interrupts of the hardware
//! come before it.

use core::cell::UnsafeCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, RawWaker, RawWakerVTable, Waker};
use embassy_rp::interrupt::{self, InterruptExt, Priority};

type Task = Pin<&'static mut dyn Future<Output = ()>>;

struct TaskCell(UnsafeCell<Option<Task>>);

// SAFETY: it is written once, before the interrupt is enabled. From then on only the interrupt uses
// it, and that does not interrupt itself.
unsafe impl Sync for TaskCell {}

static TASK: TaskCell = TaskCell(UnsafeCell::new(None));

/// Runs `work` from now on, in the interrupt. May be called once.
///
/// # Safety
///
/// Nothing that the work holds may be used by any other code from here on, except what is made to
/// be used from interrupts.
pub(super) unsafe fn start(work: Task) {
    // SAFETY: the interrupt is not enabled yet, so no other code uses the place.
    unsafe { *TASK.0.get() = Some(work) };
    interrupt::SWI_IRQ_1.set_priority(Priority::P3);
    // SAFETY: the work of the interrupt is in its place.
    unsafe { interrupt::SWI_IRQ_1.enable() };
    interrupt::SWI_IRQ_1.pend();
}

#[embassy_rp::interrupt]
fn SWI_IRQ_1() {
    // SAFETY: since it was enabled, only this interrupt uses the place, and it does not interrupt
    // itself.
    if let Some(work) = unsafe { &mut *TASK.0.get() } {
        // The future never ends.
        let _ = work.as_mut().poll(&mut Context::from_waker(&waker()));
    }
}

/// Returns a waker that raises the interrupt again.
fn waker() -> Waker {
    static CALLS: RawWakerVTable = RawWakerVTable::new(|_| raw(), pend, pend, |_| {});
    const fn raw() -> RawWaker {
        RawWaker::new(core::ptr::null(), &CALLS)
    }
    fn pend(_: *const ()) {
        interrupt::SWI_IRQ_1.pend();
    }
    // SAFETY: the functions do not use the pointer, and may be called from anywhere.
    unsafe { Waker::from_raw(raw()) }
}
