//! The app's instances, certificates and the store.

use super::{Html, View, cell, code, table};

pub(super) fn show(html: &mut Html, view: &View) {
    if has_instances(view) {
        instances(html, view);
    }
    html.raw("<section id=\"certificates\" aria-labelledby=\"h-certificates\"><h2 id=\"h-certificates\">Certificates</h2>");
    let certificates = &view.status.certificates;
    if certificates.is_empty() {
        html.raw("<p>None: TLS is off.</p>");
    } else {
        let columns = ["Names", "From", "Valid until", "Standing"];
        table(html, "Certificates", &columns, |html| {
            for one in certificates.iter().take(super::ROWS) {
                html.raw("<tr>");
                cell(html, one.names.join(", "));
                cell(html, &one.source);
                cell(html, one.valid_until.as_deref().unwrap_or("none yet"));
                html.raw("<td class=\"long lines\">")
                    .text(&one.standing)
                    .raw("</td></tr>");
            }
        });
        if certificates.len() > super::ROWS {
            html.raw("<p>And more: <code>panoply status</code> names them all.</p>");
        }
    }
    html.raw(
        "</section><section id=\"store\" aria-labelledby=\"h-store\"><h2 id=\"h-store\">Store</h2>",
    );
    table(html, "Store", &["Store", "Standing", "Blocks"], |html| {
        html.raw("<tr>");
        code(html, &view.store);
        cell(html, &view.status.store);
        let blocks = view.status.count_of_blocks();
        cell(html, blocks.as_deref().unwrap_or("not known"));
        html.raw("</tr>");
    });
    html.raw("</section>");
}

/// Whether there is more to say of the apps than what stands above.
pub(super) fn has_instances(view: &View) -> bool {
    view.status.instances.len() > 1 || !view.status.routes.is_empty()
}

/// What stands above it.
pub(super) const fn title(view: &View) -> &'static str {
    if view.status.routes.is_empty() {
        "App"
    } else {
        "Apps"
    }
}

fn instances(html: &mut Html, view: &View) {
    let status = &view.status;
    let several = !status.routes.is_empty();
    let table_name = if several {
        "Apps and their instances"
    } else {
        "Instances"
    };
    html.raw("<section id=\"app\" aria-labelledby=\"h-app\"><h2 id=\"h-app\">");
    html.text(title(view)).raw("</h2>");
    let columns = ["App", "Instance", "Standing", "Process", "Requests"];
    let columns = columns.get(usize::from(!several)..).unwrap_or(&columns);
    let routes = status.routes.iter();
    let routes = routes.map(|route| (&*route.name, &*route.instances));
    let all = std::iter::once(("/", &*status.instances)).chain(routes);
    table(html, table_name, columns, |html| {
        for (app, one) in all.flat_map(|(app, all)| all.iter().map(move |one| (app, one))) {
            html.raw("<tr>");
            if several {
                cell(html, app);
            }
            cell(html, one.number.to_string());
            html.raw("<td class=\"long\">")
                .text(&one.standing)
                .raw("</td>");
            let process = one.process.map(|process| process.to_string());
            cell(html, process.as_deref().unwrap_or("–"));
            let requests = one.requests.map(|requests| requests.to_string());
            cell(html, requests.as_deref().unwrap_or("–"));
            html.raw("</tr>");
        }
    });
    html.raw("</section>");
}
