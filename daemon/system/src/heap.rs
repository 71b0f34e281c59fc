//! Tells the heap to give large pieces back to the system.

/// The size from which an allocation is mapped by itself, and goes back to the system when freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES_MIN: i32 = 1024 * 1024;

/// Makes the heap map every large allocation by itself and unmap it when freed. By default it
/// serves the second one of a size from memory that it keeps, and the end of a thread's heap is
/// never given back.
pub fn keep_large_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes two numbers and sets a rule for later allocations.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    }
}

/// Returns free memory to the system. Most of the heap is free after a large import, export or
/// backup. By default the program keeps a free piece that lies below one in use, for a next use
/// that may never come.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes a number, touches only free memory, and is allowed at any time on any
    // thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
