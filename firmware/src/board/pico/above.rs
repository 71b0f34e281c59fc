//! Work that goes on above the program, whatever that is busy with: a future that an interrupt of
//! its own goes on with. Interrupts of the hardware come before it.

use core::cell::UnsafeCell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, RawWaker, RawWakerVTable, Waker};
use embassy_rp::interrupt::{self, InterruptExt, Priority};

type Task = Pin<&'static mut dyn Future<Output = ()>>;

struct TaskCell(UnsafeCell<Option<Task>>);

// SAFETY: it is written once, before the interrupt is let loose, and from then on only the
// interrupt has it, which does not interrupt itself.
unsafe impl Sync for TaskCell {}

static WORK: TaskCell = TaskCell(UnsafeCell::new(None));

/// Goes on with `work` from now on; to be called once.
///
/// # Safety
///
/// Nothing that the work holds may be used by anybody else from here on, but what is made to
/// be used from interrupts.
pub(super) unsafe fn start(work: Task) {
    // SAFETY: the interrupt is not enabled yet, so nobody else has the place.
    unsafe { *WORK.0.get() = Some(work) };
    interrupt::SWI_IRQ_1.set_priority(Priority::P3);
    // SAFETY: what the interrupt works on is in its place.
    unsafe { interrupt::SWI_IRQ_1.enable() };
    interrupt::SWI_IRQ_1.pend();
}

#[embassy_rp::interrupt]
fn SWI_IRQ_1() {
    // SAFETY: this interrupt is the only one that has the place since it was enabled, and
    // does not interrupt itself.
    if let Some(work) = unsafe { &mut *WORK.0.get() } {
        // It never ends.
        let _ = work.as_mut().poll(&mut Context::from_waker(&waker()));
    }
}

/// Has the interrupt come again.
fn waker() -> Waker {
    static CALLS: RawWakerVTable = RawWakerVTable::new(|_| raw(), pend, pend, |_| {});
    const fn raw() -> RawWaker {
        RawWaker::new(core::ptr::null(), &CALLS)
    }
    fn pend(_: *const ()) {
        interrupt::SWI_IRQ_1.pend();
    }
    // SAFETY: the calls do not look at the pointer, and may be made from anywhere.
    unsafe { Waker::from_raw(raw()) }
}
