//! Restarts of all instances of an app, one after the other: those that are not at it serve meanwhile.

use std::sync::Arc;

use super::standing::Standing;
use crate::shared::Shared;

/// Who starts an app, and can start it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Starter {
    /// The gateway.
    Gateway,
    /// Somebody else: it is found where it is.
    Elsewhere,
    /// Whoever starts the gateway: it is a service of this process.
    Program,
}

impl Starter {
    /// Why the gateway does not start it anew.
    const fn objection(self) -> Option<&'static str> {
        match self {
            Self::Gateway => None,
            Self::Elsewhere => Some(
                "the gateway has not started the app (`app.upstream`), and cannot start it anew: restart it where it \
                 was started; requests wait for it meanwhile (`app.patience`)",
            ),
            Self::Program => Some(
                "the app is a service of the very program that serves, and does not restart without it: `panoply \
                 upgrade` has the program that is installed take over, without a request lost",
            ),
        }
    }
}

/// Has the apps that are ours started anew, one or all, whenever somebody asks for it. By their numbers, `starters` says
/// whose they are.
pub(super) async fn restart_as_asked(shared: &Arc<Shared>, starters: &[Starter]) {
    loop {
        let asked = shared.restarts.wanted().await;
        let alone = match meant(shared, starters, asked.app()) {
            Ok(apps) => asked.tell(each(&apps).await),
            Err(why) => asked.answer(Err(why)),
        };
        let shared = Arc::clone(shared);
        // As long as one that goes still finishes what it has, nobody has the app.
        tokio::task::spawn_local(async move {
            for instance in shared.apps.instances() {
                instance.restarts.over().await;
            }
            drop(alone);
        });
    }
}

/// The apps to be started anew: all that are ours, or the `one` that has this of the site.
fn meant<'a>(
    shared: &'a Shared,
    starters: &[Starter],
    one: Option<&str>,
) -> Result<Vec<&'a Standing>, String> {
    let mut all = { shared.apps.iter() }.map(|app| &**app).zip(starters);
    let Some(name) = one else {
        let ours = all.filter(|(_, starter)| starter.objection().is_none());
        let ours: Vec<&Standing> = ours.map(|(app, _)| app).collect();
        let first = { starters.first() }.and_then(|starter| starter.objection());
        return match first.filter(|_| ours.is_empty()) {
            Some(why) => Err(why.to_owned()),
            None => Ok(ours),
        };
    };
    let Some((app, starter)) = all.find(|(app, _)| app.label() == name) else {
        let names = { shared.apps.iter() }.map(|app| format!("`{}`", app.label()));
        let names: Vec<String> = names.collect();
        return Err(format!(
            "no app has `{name}`: the apps have {}",
            names.join(", ")
        ));
    };
    match starter.objection() {
        None => Ok(vec![app]),
        Some(why) => Err(why.to_owned()),
    }
}

/// The process of the last that serves by then. What is amiss with one app keeps none of the others as it was.
async fn each(apps: &[&Standing]) -> Result<u32, String> {
    let mut last = 0;
    let mut failed = Vec::new();
    for app in apps {
        match instances(app).await {
            Ok(process) => last = process,
            Err(why) if apps.len() > 1 => failed.push(format!("`{}`: {why}", app.label())),
            Err(why) => return Err(why),
        }
    }
    if failed.is_empty() {
        return Ok(last);
    }
    let done = apps.len() - failed.len();
    Err(format!(
        "{done} of {} apps have been started anew; {}",
        apps.len(),
        failed.join("; ")
    ))
}

/// The same of the instances of one.
async fn instances(app: &Standing) -> Result<u32, String> {
    let instances = app.instances();
    let mut last = 0;
    for (done, instance) in instances.iter().enumerate() {
        last = match instance.restarts.ask().await {
            Ok(process) => process,
            Err(why) if instances.len() > 1 => {
                let all = instances.len();
                return Err(format!(
                    "{done} of {all} instances have been started anew, instance {} has not, and the rest was left as it \
                     is: {why}",
                    instance.number()
                ));
            }
            Err(why) => return Err(why),
        };
    }
    Ok(last)
}
