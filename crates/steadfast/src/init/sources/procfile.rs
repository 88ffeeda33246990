//! Procfiles: the processes of an app, of which none says where it listens.
//! <https://devcenter.heroku.com/articles/procfile>

use super::{Paper, Source};
use crate::init::clue::Clues;
use crate::render::text::listed;

/// Procfiles.
pub(super) struct Procfile;

impl Source for Procfile {
    fn title(&self) -> &'static str {
        "Procfile"
    }

    fn claims(&self, name: &str) -> bool {
        name == "Procfile" || name.starts_with("Procfile.")
    }

    fn read(&self, papers: &[Paper], into: &mut Clues) {
        papers.iter().for_each(|paper| one(paper, into));
    }

    #[cfg(test)]
    fn exemplars(&self) -> Vec<Vec<(&'static str, &'static str)>> {
        let all = "# processes\nrelease: bin/migrate --token hunter2hunter2\n\
                   web: gunicorn shop:app --bind 0.0.0.0:$PORT\nworker: API_TOKEN=hunter2hunter2 bin/work\nnonsense\n";
        vec![vec![("Procfile", all)], vec![("Procfile.dev", "web: bin/serve -p 3000\n")]]
    }
}

fn one(paper: &Paper, into: &mut Clues) {
    let mut names: Vec<&str> = Vec::new();
    for (at, line) in paper.text.strip_prefix('\u{feff}').unwrap_or(&paper.text).lines().enumerate() {
        let place = paper.at(at + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A command may hold a secret: no more of it is said than the type of its process.
        let process = line.split_once(':').map(|(name, command)| (name.trim_end(), command.trim()));
        let Some((name, command)) = process.filter(|(name, command)| is_type(name) && !command.is_empty()) else {
            into.miss(place, "it is no `type: command`; the line was not used");
            continue;
        };
        names.push(name);
        let why = match name {
            "web" if command.contains("$PORT") || command.contains("${PORT") => {
                "listens on $PORT, which only the platform knows: `steadfast init --url` with its address describes it"
            }
            "web" => "does not say where it listens: `steadfast init --url` with its address describes it",
            "release" => {
                "runs before a release, and its end is all that the platform sees: a check of the kind `sql` on the \
                 tables that it makes tells whether it did"
            }
            _ => {
                "takes no connections from outside: what it leaves behind can be seen, as `newest` of a table (`sql`) or \
                 of files (`files`)"
            }
        };
        into.miss(place, format!("`{name}` {why}"));
    }
    if names.is_empty() {
        into.miss(paper.path.clone(), "there is no process in it");
    } else {
        into.read.push((paper.path.clone(), listed(names, 60)));
    }
}

/// What the type of a process may be called.
fn is_type(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
