//! What a device says of itself while it runs: `defmt` on a board, standard error on a host.

/// Says something. Only bare `{}` may stand in the text: all that both sides understand.
#[macro_export]
#[cfg(target_os = "none")]
macro_rules! say {
    ($($text:tt)*) => { defmt::println!($($text)*) };
}

/// Says something. Only bare `{}` may stand in the text: all that both sides understand.
#[macro_export]
#[cfg(not(target_os = "none"))]
macro_rules! say {
    ($($text:tt)*) => { eprintln!($($text)*) };
}

/// An error or the like, so that it can be said.
#[cfg(target_os = "none")]
pub fn shown<T: core::fmt::Display>(value: &T) -> defmt::Display2Format<'_, T> {
    defmt::Display2Format(value)
}

/// An error or the like, so that it can be said.
#[cfg(not(target_os = "none"))]
pub fn shown<T: core::fmt::Display>(value: &T) -> &T {
    value
}
