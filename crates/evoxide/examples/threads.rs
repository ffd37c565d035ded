//! Workers on other threads post their results into the loop.
//!
//! `cargo run --example threads`

use evoxide::EventLoop;
use std::thread;

fn main() -> Result<(), evoxide::Error> {
    let mut ev = EventLoop::new(Vec::new())?;
    for number in [600_851_475_143_u64, 1_000_003 * 1_000_033, 97] {
        let handle = ev.handle();
        // As long as a hold lives, the loop has something to wait for.
        let hold = handle.hold();
        thread::spawn(move || {
            let largest = largest_factor(number);
            let _ = handle.post(move |cx| {
                println!("{number}: {largest}");
                cx.state().push(largest);
            });
            drop(hold);
        });
    }
    ev.run()?;
    println!("{} answers", ev.state().len());
    Ok(())
}

fn largest_factor(mut n: u64) -> u64 {
    let mut factor = 2;
    while factor * factor <= n {
        if n.is_multiple_of(factor) {
            n /= factor;
        } else {
            factor += 1;
        }
    }
    n
}
