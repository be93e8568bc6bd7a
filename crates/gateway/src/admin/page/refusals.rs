//! What was refused, and why.

use super::traffic::grouped;
use super::{Html, View, cell, code, number, table, time};
use crate::admin::rules;

pub(super) fn show(html: &mut Html, view: &View) {
    html.raw("<section id=\"refusals\" aria-labelledby=\"h-refusals\"><h2 id=\"h-refusals\">Refusals</h2>");
    let refused = &view.traffic.numbers().refused;
    if refused.is_empty() {
        html.raw("<p>Nothing has been refused since the start.</p></section>");
        return;
    }
    let mut rules: Vec<_> = refused.iter().collect();
    rules.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let columns = ["Rule", "Times", "Why", "Setting"];
    table(html, "Refusals by rule", &columns, |html| {
        for (rule, count) in rules.iter().take(super::ROWS) {
            html.raw("<tr>");
            code(html, rule);
            number(html, grouped(**count));
            let (why, key) = rules::why(rule);
            html.raw("<td class=\"long\">").raw(why).raw("</td>");
            code(html, key.unwrap_or("–"));
            html.raw("</tr>");
        }
    });
    if view.recent.is_empty() {
        html.raw("</section>");
        return;
    }
    html.raw("<h3>The last ones</h3>");
    let columns = [
        "Time (UTC)",
        "Client",
        "Request",
        "Rule",
        "Status",
        "Id",
        "Block",
        "Browser",
    ];
    table(html, "The last refusals", &columns, |html| {
        for one in &view.recent {
            html.raw("<tr><td>");
            time::moment(html, one.at);
            html.raw("</td>");
            let client = one.client.map(|client| client.to_string());
            cell(html, client.as_deref().unwrap_or("–"));
            html.raw("<td class=\"long\"><code>")
                .text(&one.method)
                .raw(" ");
            html.text(&one.path).raw("</code></td>");
            code(html, one.rule);
            number(html, one.status);
            code(html, one.id);
            let block = one.block.map(|block| block.to_string());
            code(html, block.as_deref().unwrap_or("–"));
            html.raw("<td class=\"long\">")
                .text(&one.agent)
                .raw("</td></tr>");
        }
    });
    html.raw("</section>");
}
