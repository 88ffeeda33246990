//! Completion while a person types: the shell calls this binary, which knows its commands, and the ids and tags of the
//! configuration that is found. What goes wrong here is silent: a broken configuration completes nothing.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::PathBuf;

use clap_complete::CompletionCandidate;
use clap_complete::env::{CompleteEnv, EnvCompleter, Fish, Zsh};
use steadfast_checks::kinds::KINDS;
use steadfast_config::Source;
use steadfast_core::project::Project;

/// The variable by which a shell asks. Its value is the shell's name.
const ASKED_BY: &str = "STEADFAST_COMPLETE";

/// bash splits words at `:` and `=`, and `tag:web` and `shop=http://...` are one word for us. So the line is split at
/// white space here, and what bash takes for words of their own is taken off the candidates again.
const BASH: &str = r#"_steadfast() {
    local line=${COMP_LINE:0:COMP_POINT} words word prefix='' IFS
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    word=${words[-1]}
    case $word in
        *[:=]*) [[ $COMP_WORDBREAKS == *:* && $COMP_WORDBREAKS == *=* ]] && prefix=${word%"${word##*[:=]}"} ;;
    esac
    IFS=$'\013'
    COMPREPLY=($(STEADFAST_COMPLETE=bash _CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) \
        steadfast -- "${words[@]}" 2> /dev/null))
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=/] ]] && compopt -o nospace
}
complete -o bashdefault -o default -F _steadfast steadfast
"#;

/// The last line of clap's script for zsh. It is enough for a script that zsh reads when it starts.
const ZSH_REGISTERS: &str = "compdef _clap_dynamic_completer_steadfast steadfast";

/// One that stands in a folder of `fpath`, as packages bring it, is read at the first completion, and has to give it.
const ZSH: &str = r#"if [[ $funcstack[1] == _steadfast ]]; then
    _clap_dynamic_completer_steadfast "$@"
else
    compdef _clap_dynamic_completer_steadfast steadfast
fi
"#;

/// A shell that can be helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash 4.4 or newer
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

impl Shell {
    /// What the shell reads once, when it starts.
    pub(crate) fn script(self) -> io::Result<String> {
        let mut script = Vec::new();
        match self {
            Shell::Bash => script.write_all(BASH.as_bytes())?,
            Shell::Zsh => {
                Zsh.write_registration(ASKED_BY, "steadfast", "steadfast", "steadfast", &mut script)?;
                let text = String::from_utf8(script).map_err(io::Error::other)?;
                let rest = text.trim_end().strip_suffix(ZSH_REGISTERS);
                return Ok(format!("{}{ZSH}", rest.ok_or_else(|| io::Error::other("clap registers otherwise"))?));
            }
            Shell::Fish => Fish.write_registration(ASKED_BY, "steadfast", "steadfast", "steadfast", &mut script)?,
        }
        String::from_utf8(script).map_err(io::Error::other)
    }
}

/// Answers a shell that asks; returns if none does.
pub(crate) fn answer(command: fn() -> clap::Command) {
    CompleteEnv::with_factory(command).var(ASKED_BY).complete();
}

/// The ids of the checks.
pub(crate) fn ids() -> Vec<CompletionCandidate> {
    project().iter().flat_map(|project| &project.checks).map(of_check).collect()
}

/// The ids of the checks, and their tags as `tag:X`.
pub(crate) fn ids_and_tags() -> Vec<CompletionCandidate> {
    let project = project();
    let checks = || project.iter().flat_map(|project| &project.checks);
    let tags: std::collections::BTreeSet<&String> = checks().flat_map(|check| check.tags.iter()).collect();
    checks().map(of_check).chain(tags.iter().map(|tag| CompletionCandidate::new(format!("tag:{tag}")))).collect()
}

/// What `explain` explains.
pub(crate) fn topics() -> Vec<CompletionCandidate> {
    crate::commands::explain::topics().map(CompletionCandidate::new).collect()
}

/// The targets, each with the `=` of a route.
pub(crate) fn routes(typed: &OsStr) -> Vec<CompletionCandidate> {
    let project = project();
    let targets = project.iter().flat_map(|project| project.targets.keys());
    let typed = typed.to_string_lossy();
    let routes = targets.map(|target| format!("{target}=")).filter(|route| route.starts_with(&*typed));
    routes.map(CompletionCandidate::new).collect()
}

fn of_check(check: &steadfast_core::project::ProjectCheck) -> CompletionCandidate {
    CompletionCandidate::new(&*check.id).help(Some(check.summary.to_string().into()))
}

/// The configuration that the line being typed names, else the one that is found.
fn project() -> Option<Project> {
    let words: Vec<_> = std::env::args_os().collect();
    let named = words.iter().enumerate().find_map(|(i, word)| match word.to_str()? {
        "--config" => words.get(i + 1).map(PathBuf::from),
        word => word.strip_prefix("--config=").map(PathBuf::from),
    });
    let file = match named {
        Some(file) => file,
        None => steadfast_config::find(&std::env::current_dir().ok()?)?,
    };
    steadfast_config::load(Source::File(file), KINDS).ok()
}
