//! Dates as HTTP writes them.

use core::fmt;

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A broken-down time, with the ranges and origins of C's `struct tm`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateFields {
    /// Years since 1900.
    pub year: i32,
    /// Month, 0 to 11.
    pub month: i32,
    /// Day of the month, 1 to 31.
    pub day: i32,
    /// Day of the week, 0 (Sunday) to 6.
    pub weekday: i32,
    /// Hour.
    pub hour: i32,
    /// Minute.
    pub minute: i32,
    /// Second.
    pub second: i32,
}

impl DateFields {
    /// The date in UTC of a time in seconds since 1970. Years beyond `i32` saturate.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400);
        // Days since 0000-03-01, in eras of 400 years; years begin in March so that the leap day comes last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 2 } else { shifted_month - 10 };
        let year = era * 400 + year_of_era + i64::from(month < 2);
        let narrow = |value: i64| i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX });
        DateFields {
            year: narrow(year - 1900),
            month: narrow(month),
            day: narrow(day),
            weekday: narrow((days + 4).rem_euclid(7)),
            hour: narrow(of_day / 3_600),
            minute: narrow(of_day / 60 % 60),
            second: narrow(of_day % 60),
        }
    }
}

/// Writes a date in the form of RFC 1123, e.g. `Sun, 06 Nov 1994 08:49:37 GMT`. Fields are not checked; a month or weekday out
/// of range is written as `???`.
///
/// # Errors
/// Only what `out` returns.
pub fn write_rfc1123(date: &DateFields, out: &mut impl fmt::Write) -> fmt::Result {
    let name = |names: &[&'static str], index: i32| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or("???")
    };
    write!(
        out,
        "{}, {:02} {} {:4} {:02}:{:02}:{:02} GMT",
        name(&DAYS, date.weekday),
        date.day,
        name(&MONTHS, date.month),
        i64::from(date.year) + 1900,
        date.hour,
        date.minute,
        date.second
    )
}
