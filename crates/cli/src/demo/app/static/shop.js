"use strict";

// The alarm at the top of each page. A script that a stranger wrote into the page calls
// ran(document.cookie); one that the browser refuses to run is reported to us by the browser.
(() => {
  let state = "quiet";

  function show(next, text) {
    if (state === "ran") return;
    state = next;
    const alarm = document.getElementById("alarm");
    if (!alarm) return;
    alarm.dataset.state = next;
    alarm.textContent = text;
  }

  window.ran = (loot) => {
    const read = loot ? "It read document.cookie: " + loot : "It found no cookie to read.";
    show("ran", "A stranger’s script ran on this page. " + read);
  };

  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.effectiveDirective.startsWith("script-src")) {
      const rule = event.effectiveDirective;
      show("refused", "A stranger’s script stands in this page, and your browser refused to run it (" + rule + ").");
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("origin").textContent = location.origin;
    // Whoever embeds a page of the shop is told which one, so that it can make room for it.
    if (parent !== window) {
      parent.postMessage({ shop: location.pathname, heading: document.querySelector("h1").textContent }, "*");
    }
    for (const field of document.querySelectorAll("[data-counts]")) {
      const label = document.getElementById(field.dataset.counts);
      field.addEventListener("input", () => {
        label.textContent = field.value.length + " of " + field.maxLength + " characters";
      });
    }
  });
})();
