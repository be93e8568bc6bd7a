//! What browsers say that the policy blocks, by what would be written.

use super::traffic::grouped;
use super::{Html, ROWS, View, cell, code, number, table, time};
use crate::reports::CspSource;

pub(super) fn show(html: &mut Html, view: &View) {
    html.raw("<section id=\"reports\" aria-labelledby=\"h-reports\"><h2 id=\"h-reports\">Reports of the Content-Security-Policy</h2>");
    if view.learning {
        html.raw(
            "<p class=\"notice bad\">No policy is enforced: violations are only reported, and an \
             injected script runs. <code>panoply csp enforce</code> ends that.</p>",
        );
    }
    let evidence = &view.evidence;
    html.raw("<p>").text(grouped(evidence.reports));
    html.raw(" reports of ")
        .text(evidence.clients)
        .raw(" clients since ");
    time::since_1970(html, evidence.since);
    html.raw(" UTC; ").text(grouped(evidence.noise));
    html.raw(" of them from browsers’ extensions, which are left out; ");
    html.text(view.proposal.settled);
    html.raw(
        " kinds that the policy allows by now. Anybody can send reports: look whether a source is the \
         site’s own before allowing it. <code>panoply csp suggest</code> says the same for a terminal, \
         and <code>panoply csp enforce</code> writes it down.</p>",
    );
    let proposal = &view.proposal;
    let lists = [
        ("To allow", &proposal.allow),
        ("Doubtful", &proposal.doubtful),
        ("To be changed in the app", &proposal.by_hand),
    ];
    for (title, list) in lists {
        if list.is_empty() {
            continue;
        }
        html.raw("<h3>").raw(title).raw("</h3>");
        let columns = [
            "Directive",
            "Source",
            "What to write",
            "Reports",
            "Clients",
            "Pages",
            "Last (UTC)",
        ];
        table(html, title, &columns, |html| {
            for one in list.iter().take(ROWS) {
                row(html, one);
            }
        });
        if list.len() > ROWS {
            html.raw("<p>And ")
                .text(list.len() - ROWS)
                .raw(" more.</p>");
        }
    }
    let lines = proposal.lines();
    if !lines.is_empty() {
        html.raw("<h3>The lines for <code>panoply.toml</code></h3><pre tabindex=\"0\">");
        html.text(lines.trim_end()).raw("</pre>");
    }
    html.raw("</section>");
}

fn row(html: &mut Html, one: &CspSource) {
    let seen = &one.seen;
    html.raw("<tr>");
    code(html, &one.directive);
    code(
        html,
        if one.source.is_empty() {
            "–"
        } else {
            &one.source
        },
    );
    html.raw("<td class=\"long\">");
    if let Some(line) = &one.line {
        html.raw("<code>").text(line).raw("</code>");
        if !one.domains.is_empty() {
            let names = one.domains.join(", ");
            html.raw(" under <code>").text(&names).raw("</code>");
        }
        if one.path != "/" {
            html.raw(" below <code>").text(&one.path).raw("</code>");
        }
        html.raw("<br>");
    }
    html.text(one.why.as_deref().unwrap_or_default());
    html.raw("</td>");
    number(html, grouped(seen.reports));
    let more = if seen.more_clients { "+" } else { "" };
    number(html, format_args!("{}{more}", seen.clients));
    let more = if seen.more_pages { ", …" } else { "" };
    cell(html, format_args!("{}{more}", seen.pages.join(", ")));
    html.raw("<td>");
    time::since_1970(html, seen.last);
    html.raw("</td></tr>");
}
