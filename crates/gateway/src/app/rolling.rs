//! Restarts of all instances of an app, one after the other: those that are not at it serve meanwhile.

use std::sync::Arc;

use crate::shared::Shared;

/// Has the instances of an app that is ours started anew, whenever somebody asks for it.
pub(super) async fn restart_as_asked(shared: &Arc<Shared>) {
    loop {
        let asked = shared.restarts.wanted().await;
        let alone = asked.tell(each(shared).await);
        let shared = Arc::clone(shared);
        // As long as one that goes still finishes what it has, nobody has the app.
        tokio::task::spawn_local(async move {
            for instance in shared.app.instances() {
                instance.restarts.over().await;
            }
            drop(alone);
        });
    }
}

/// The process of the last that serves by then.
async fn each(shared: &Shared) -> Result<u32, String> {
    let instances = shared.app.instances();
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
