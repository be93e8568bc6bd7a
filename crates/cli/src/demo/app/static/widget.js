"use strict";

// The script of the blog that somebody else runs under the shop's name. It counts visitors, and keeps
// whatever of the shop it can read.
(() => {
  const asked = new URLSearchParams(location.search);
  const read = document.cookie;
  document.getElementById("read").textContent = read || "nothing";
  // The shop's alarm, which says else that nothing of the kind has happened here.
  window.ran(read);
  const seen = new URLSearchParams({ visit: asked.get("visit") ?? "", read });
  const told = fetch("/blog/seen", { method: "POST", body: seen });
  if (asked.has("close")) told.finally(() => setTimeout(() => window.close(), 1500));
})();
