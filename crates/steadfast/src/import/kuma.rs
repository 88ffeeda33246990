//! Uptime Kuma: its monitors, from the JSON of its backup or from its database.

mod monitor;
mod monitors;

use super::carried::Carried;
use super::document::Trouble;
use super::{Format, Source};
use crate::render::text::counted;

/// The format `uptime-kuma`.
pub(crate) struct UptimeKuma;

impl Format for UptimeKuma {
    fn name(&self) -> &'static str {
        "uptime-kuma"
    }

    fn title(&self) -> &'static str {
        "Uptime Kuma"
    }

    fn carry(&self, source: &Source<'_>, into: &mut Carried) -> Result<(), Vec<Trouble>> {
        let found = monitors::read(source)?;
        if found.by_id {
            into.file.push_str(" monitor");
        }
        let groups: Vec<(i64, String)> = found
            .monitors
            .iter()
            .filter(|monitor| monitor.text("type") == Some("group"))
            .filter_map(|monitor| Some((monitor.number("id")?, monitor.text("name")?.to_owned())))
            .collect();
        for monitor in &found.monitors {
            monitor::carry(monitor, &groups, into);
        }
        for (count, noun, why) in [
            (found.notifications, "notification", "whom to tell is not part of this file"),
            (found.proxies, "proxy", "name the proxy in `proxy`"),
        ] {
            if count > 0 {
                into.leave(1, counted(count, noun), why);
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<&'static str> {
        vec![include_str!("kuma/backup.json")]
    }
}
