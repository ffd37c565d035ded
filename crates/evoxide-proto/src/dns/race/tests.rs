use super::*;

fn v4(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn v6(n: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n])
}

#[test]
fn families_alternate_and_attempts_overlap() {
    let mut race = Race::new();
    assert_eq!(race.next(0), Next::Idle);
    race.found(Family::V6, [v6(1), v6(2)], 0);
    assert_eq!(race.next(0), Next::Try(v6(1)));
    race.found(Family::V4, [v4(1), v4(2)], 5 * MS);
    assert_eq!(race.next(5 * MS), Next::Wait(250 * MS));
    assert_eq!(race.next(250 * MS), Next::Try(v4(1)));
    assert_eq!(race.next(500 * MS), Next::Try(v6(2)));
    race.attempt_failed();
    assert_eq!(race.next(501 * MS), Next::Try(v4(2)));
    for _ in 0..3 {
        assert_eq!(race.next(900 * MS), Next::Idle);
        race.attempt_failed();
    }
    assert_eq!(race.next(900 * MS), Next::Failed);
}

#[test]
fn the_wait_for_the_slower_family_is_bounded() {
    let mut race = Race::new();
    race.found(Family::V4, [v4(1)], 100 * MS);
    assert_eq!(race.next(100 * MS), Next::Wait(150 * MS));
    assert_eq!(race.next(150 * MS), Next::Try(v4(1)));
    race.found(Family::V6, [], 160 * MS);
    race.attempt_failed();
    assert_eq!(race.next(170 * MS), Next::Failed);
}

#[test]
fn no_address_is_a_failure() {
    let mut race = Race::new();
    race.found(Family::V6, [], 0);
    assert_eq!(race.next(0), Next::Idle);
    race.found(Family::V4, [], 0);
    assert_eq!(race.next(0), Next::Failed);
}
