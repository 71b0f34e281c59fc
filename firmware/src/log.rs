//! The device's messages while it runs: `defmt` on a board, standard error on a host.

/// Logs a message. Its text may contain only bare `{}`, which both sides understand.
#[macro_export]
#[cfg(target_os = "none")]
macro_rules! say {
    ($($text:tt)*) => { defmt::println!($($text)*) };
}

/// Logs a message. Its text may contain only bare `{}`, which both sides understand.
#[macro_export]
#[cfg(not(target_os = "none"))]
macro_rules! say {
    ($($text:tt)*) => { eprintln!($($text)*) };
}

/// Wraps an error or another value so that it can be logged.
#[cfg(target_os = "none")]
pub fn shown<T: core::fmt::Display>(value: &T) -> defmt::Display2Format<'_, T> {
    defmt::Display2Format(value)
}

/// Returns an error or another value as it is: standard error takes it.
#[cfg(not(target_os = "none"))]
pub fn shown<T: core::fmt::Display>(value: &T) -> &T {
    value
}
