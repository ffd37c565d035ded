use super::*;

fn rate() -> Rate {
    Rate::new((10, 25), (4, 4), 100).unwrap()
}

#[test]
fn limits_are_checked() {
    assert!(Rate::new((0, 1), (1, 1), 1).is_none());
    assert!(Rate::new((2, 1), (1, 1), 1).is_none());
    assert!(Rate::new((1, 1), (1, MAX + 1), 1).is_none());
    assert!(Rate::new((MAX, MAX), (MAX, MAX), 1).is_some());
    assert!(Rate::new((1, 1), (1, 1), 0).is_none());
    assert!(Rate::new((1, 1), (1, 1), MAX_TICK).is_some());
    assert!(Rate::new((1, 1), (1, 1), MAX_TICK + 1).is_none());
}

#[test]
fn a_bucket_starts_with_one_tick_and_fills_to_its_burst() {
    let rate = rate();
    let mut b = Bucket::new(&rate, 7);
    assert_eq!(b.level(Direction::READ), 10);
    assert!(!b.refill(&rate, 7));
    assert!(b.refill(&rate, 8));
    assert_eq!(b.level(Direction::READ), 20);
    assert!(b.refill(&rate, 1_000_000));
    assert_eq!((b.level(Direction::READ), b.level(Direction::WRITE)), (25, 4));
}

#[test]
fn a_clock_that_goes_back_gives_nothing_and_one_that_wraps_does() {
    let rate = rate();
    let mut b = Bucket::new(&rate, 5);
    assert!(!b.refill(&rate, 4));
    let mut b = Bucket::new(&rate, u32::MAX);
    assert!(b.refill(&rate, 0));
    assert_eq!(b.level(Direction::READ), 20);
}

#[test]
fn crossings_are_told_once() {
    let rate = rate();
    let mut b = Bucket::new(&rate, 0);
    assert_eq!(b.take(Direction::READ, 4), Turn::Same);
    assert_eq!(b.take(Direction::READ, 100), Turn::Pause);
    assert_eq!(b.take(Direction::READ, 1), Turn::Same);
    assert_eq!(b.take(Direction::READ, isize::MIN), Turn::Resume);
}

#[test]
fn extremes_do_not_overflow() {
    let rate = Rate::new((MAX, MAX), (MAX, MAX), 1).unwrap();
    let mut b = Bucket::new(&rate, 0);
    assert_eq!(b.take(Direction::WRITE, isize::MIN), Turn::Same);
    assert_eq!(b.take(Direction::WRITE, isize::MAX), Turn::Pause);
    assert!(b.refill(&rate, i32::MAX as u32));
    assert_eq!(b.level(Direction::WRITE), isize::MAX);
}

#[test]
fn a_limit_shares_and_pauses() {
    let mut g = Limit::new(Rate::new((400, 400), (400, 400), 10).unwrap(), 0);
    assert!(g.set_min_share(10));
    (0..4).for_each(|_| g.join());
    assert_eq!(g.allowance(Direction::READ), Some(100));
    assert_eq!(g.spend(Direction::READ, 395), Turn::Same);
    assert_eq!(g.allowance(Direction::READ), Some(10));
    assert_eq!(g.spend(Direction::READ, 10), Turn::Pause);
    assert_eq!(g.allowance(Direction::READ), None);
    assert_eq!(g.level(Direction::READ), -5);
    assert_eq!(g.tick(0), (Turn::Same, Turn::Same));
    assert_eq!(g.tick(1), (Turn::Resume, Turn::Same));
    assert_eq!(g.level(Direction::READ), 395);
    assert_eq!(g.totals(), (405, 0));
}

#[test]
fn a_limit_resumes_when_a_whole_share_is_there() {
    let mut g = Limit::new(Rate::new((20, 100), (20, 100), 10).unwrap(), 0);
    assert_eq!(g.spend(Direction::WRITE, 35), Turn::Pause);
    assert_eq!(g.tick(1), (Turn::Same, Turn::Same));
    assert_eq!(g.tick(2), (Turn::Same, Turn::Resume));
    assert_eq!(g.take(Direction::WRITE, 25), Turn::Pause);
    assert_eq!(g.take(Direction::WRITE, -1), Turn::Resume);
}

#[test]
fn a_share_is_never_above_what_a_tick_brings() {
    let mut g = Limit::new(Rate::new((5, 5), (7, 7), 10).unwrap(), 0);
    assert!(g.set_min_share(1_000));
    (0..100).for_each(|_| g.join());
    assert_eq!(g.allowance(Direction::READ), Some(5));
    assert!(!g.set_min_share(MAX + 1));
    g.set_rate(Rate::new((500, 500), (500, 500), 10).unwrap(), 3);
    assert_eq!(g.allowance(Direction::READ), Some(500));
    assert_eq!(g.level(Direction::READ), 5);
}

#[test]
fn the_limit_of_one_pauses_where_nothing_is_left() {
    let mut one = Limit::of_one(rate(), 0);
    assert_eq!(one.allowance(Direction::READ), Some(10));
    assert_eq!(one.take(Direction::READ, 9), Turn::Same);
    assert_eq!(one.allowance(Direction::READ), Some(1));
    assert_eq!(one.spend(Direction::READ, 12), Turn::Pause);
    assert_eq!(one.tick(1), (Turn::Same, Turn::Same));
    assert_eq!(one.level(Direction::READ), -1);
    assert_eq!(one.tick(2), (Turn::Resume, Turn::Same));
    assert_eq!(one.allowance(Direction::READ), Some(9));
}

/// Over any run of ticks, what is moved stays within rate times ticks plus one burst.
#[test]
fn the_average_holds() {
    let rate = Rate::new((100, 150), (100, 150), 10).unwrap();
    let mut b = Bucket::new(&rate, 0);
    let (mut moved, mut seed) = (0usize, 1u64);
    for tick in 0..10_000u32 {
        b.refill(&rate, tick);
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
        let want = (seed >> 33) as usize % 300;
        let n = want.min(b.level(Direction::READ).max(0) as usize);
        let _ = b.take(Direction::READ, n as isize);
        moved += n;
        assert!(moved <= 100 * (tick as usize + 1) + 150);
    }
    assert!(moved > 900_000);
}
