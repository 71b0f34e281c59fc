//! The device on a Raspberry Pi Pico, built for thumbv6m-none-eabi. README.md says how to flash it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[cortex_m_rt::entry]
fn main() -> ! {
    contactbox_firmware::board::pico::run()
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a program for a Raspberry Pi Pico: README.md says how to put it there.");
}
