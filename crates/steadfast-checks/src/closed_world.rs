//! Files in a closed World: a link must not lead out of it.

use std::path::Path;

use steadfast_core::address::Address;
use steadfast_core::observation::Trouble;
use steadfast_core::world::World;

/// Refuses a path that, with all links followed, lies outside of a closed World. In an open one nothing is refused.
pub fn must_stay_inside(world: &World, path: &Path) -> Result<(), Trouble> {
    if !world.routes().is_closed() {
        return Ok(());
    }
    // What is not there leads nowhere.
    let Ok(real) = path.canonicalize() else { return Ok(()) };
    // The folder of the configuration may itself be reached through a link.
    let through_root =
        world.root().canonicalize().ok().and_then(|root| Some(world.root().join(real.strip_prefix(root).ok()?)));
    let inside = |path: &Path| world.path(&Address::Literal(path.display().to_string())).map(drop);
    match through_root.map(|path| inside(&path)) {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) | None => inside(&real),
    }
}
