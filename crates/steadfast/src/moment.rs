//! Moments as people give them on the command line, and as they are shown.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use steadfast_core::measure::Lapse;

/// `7d` ago, `2026-11-23` (its beginning, UTC), or `2026-11-23T03:12:00Z`.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(date) = text.parse::<Date>()
        && let Ok(begin) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(begin.timestamp());
    }
    let lapse = Lapse::parse(text)
        .map_err(|_| format!("`{text}` is no moment; give 7d (ago), 2026-11-23 or 2026-11-23T03:12:00Z"))?;
    before(Timestamp::now(), lapse)
}

/// The moment so long before another.
pub(crate) fn before(now: Timestamp, lapse: Lapse) -> Result<Timestamp, String> {
    let ago = SignedDuration::try_from(lapse.0).ok().and_then(|ago| now.checked_sub(ago).ok());
    ago.ok_or_else(|| format!("{lapse} ago is before all time"))
}

/// `2026-11-23`, in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `03:12:07`, in UTC.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// The two largest units: `4m 10s`, `3d 2h`.
pub(crate) fn lasted(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        86_400.. => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
