"use strict";

// Presses the buttons' attacks: asks this page's own server to carry each out, shows in frames what
// only a browser can do, and writes down what came of it. How an attack ends is decided nowhere here.
(() => {
  const DOORS = ["naked", "guarded"];
  const origins = { naked: document.body.dataset.naked, guarded: document.body.dataset.guarded };
  const say = (text) => { document.getElementById("status").textContent = text; };
  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
  const verdicts = new Map();
  let trusted = false;
  let busy = false;

  // Pages of the shop tell whoever embeds them that they are there.
  const shown = new Map();
  window.addEventListener("message", (event) => {
    const door = DOORS.find((name) => origins[name] === event.origin);
    if (door && typeof event.data?.shop === "string") shown.set(event.source, event.data);
  });

  async function ask(path, body) {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body ?? {}) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error ?? answer.statusText);
    return told;
  }

  /** Shows `src` in a frame; resolves when its page has told that it is there, or has had its time. */
  async function show(frame, src, patience) {
    shown.delete(frame.contentWindow);
    const loaded = new Promise((done) => { frame.addEventListener("load", done, { once: true }); });
    frame.src = src;
    await Promise.race([loaded, pause(patience)]);
    for (let left = 20; left > 0 && !shown.has(frame.contentWindow); left -= 1) await pause(100);
    return shown.has(frame.contentWindow);
  }

  /** Whether the browser trusts the guarded shop's certificate: a page of it that may be framed shows. */
  async function look() {
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.title = "Looks whether the certificate is trusted";
    document.body.append(frame);
    trusted = await show(frame, `${origins.guarded}/search`, 5000);
    frame.remove();
    document.getElementById("trust").hidden = trusted;
    return trusted;
  }

  /** Sends a form to a frame or window, as any site can. */
  function send({ action, fields }, target) {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action, target, hidden: true });
    for (const [name, value] of Object.entries(fields)) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name, value });
      form.append(field);
    }
    document.body.append(form);
    form.submit();
    form.remove();
  }

  async function carryOut(card, opened) {
    const { id } = card;
    const { by } = card.dataset;
    if (by === "program") return ask(`/attacks/${id}`);
    const plan = await ask(`/attacks/${id}/begin`);
    for (const part of card.querySelectorAll(".frames, .disguising")) part.hidden = false;
    const frame = (door) => card.querySelector(`.stage.${door} iframe`);
    const saw = { run: plan.run };
    if (by === "window") {
      send(plan.naked, frame("naked").name);
      if (opened) send(plan.guarded, "owner-guarded");
      return ask(`/attacks/${id}`, saw);
    }
    await Promise.all(DOORS.map(async (door) => {
      const isShown = await show(frame(door), plan[door].src, 15000);
      saw[door] = { shown: isShown, trusted: door === "naked" || trusted };
    }));
    return ask(`/attacks/${id}`, saw);
  }

  function tell(card, told) {
    const words = { fell: "fell", held: "held", unclear: "cannot tell" };
    for (const door of DOORS) {
      const side = card.querySelector(`.side.${door}`);
      const result = told[door];
      side.dataset.verdict = result.verdict;
      side.querySelector(".verdict").textContent = words[result.verdict];
      for (const part of ["saw", "sent", "answered"]) side.querySelector(`.${part}`).textContent = result[part];
    }
    rows(card.querySelector(".rows"), told.rows);
    verdicts.set(card.id, told);
    for (const door of DOORS) {
      const all = [...verdicts.values()].map((one) => one[door].verdict);
      const fell = all.filter((verdict) => verdict === "fell").length;
      const unclear = all.filter((verdict) => verdict === "unclear").length;
      const rest = unclear ? `, ${unclear} not told` : "";
      document.getElementById(`score-${door}`).textContent = `${fell} of ${all.length}${rest}`;
    }
  }

  /** Headers side by side. */
  function rows(place, list) {
    place.hidden = list.length === 0;
    const table = document.createElement("table");
    const line = (kind, texts) => {
      const row = table.insertRow();
      texts.forEach((text, at) => {
        const cell = document.createElement(at === 0 || kind === "head" ? "th" : "td");
        cell.scope = kind === "head" ? "col" : "row";
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    };
    line("head", ["Header", "Naked", "Guarded", ""]);
    for (const { name, naked, guarded, change } of list) {
      line("body", [name, naked ?? "", guarded ?? "", change]).className = change;
    }
    place.replaceChildren(table);
  }

  function grade(card, told) {
    for (const door of DOORS) {
      const side = card.querySelector(`.side.${door}`);
      const { letter, score, found, findings, error } = told[door];
      side.dataset.grade = letter ?? "";
      side.querySelector(".letter").textContent = letter ?? "?";
      const points = `${score} of 100 points, ${found === 0 ? "nothing found" : `${found} found`}`;
      side.querySelector(".points").textContent = error ?? points;
      const items = (findings ?? []).map(({ severity, rule, message }) => {
        const item = document.createElement("li");
        const mark = document.createElement("b");
        mark.textContent = severity;
        mark.className = severity;
        const code = document.createElement("code");
        code.textContent = rule;
        item.append(mark, " ", code, ` ${message}`);
        return item;
      });
      side.querySelector(".findings").replaceChildren(...items);
    }
  }

  async function run(card, opened) {
    const trouble = card.querySelector(".trouble");
    trouble.hidden = true;
    card.dataset.state = "running";
    try {
      const told = await carryOut(card, opened);
      (card.id === "grade" ? grade : tell)(card, told);
      for (const part of card.querySelectorAll(".result, .why")) part.hidden = false;
    } catch (error) {
      // What a browser calls `Failed to fetch`, or in words of its own.
      const why = error instanceof TypeError ? "the demo does not answer; if it has ended, start it again" : error.message;
      trouble.textContent = `It could not be carried out: ${why}`;
      trouble.hidden = false;
    }
    card.dataset.state = "done";
    card.dataset.runs = String(Number(card.dataset.runs ?? 0) + 1);
    return trouble.hidden;
  }

  /** A window for the owner's browser; only a click may open one. */
  const open = () => window.open("about:blank", "owner-guarded", "popup,width=560,height=420") !== null;

  async function runAll(cards) {
    if (busy) return;
    busy = true;
    const opened = cards.some((card) => card.dataset.by === "window") && open();
    toggle(true);
    if (!trusted) await look();
    let failed = 0;
    for (const card of cards) {
      say(`${card.querySelector("h2").lastChild.textContent} …`);
      if (!await run(card, opened)) failed += 1;
    }
    const last = cards.length === 1 ? cards[0].querySelector("h2").lastChild.textContent : "All of them";
    const how = failed === 0 ? "" : failed === cards.length ? "not " : `${failed} not, the others `;
    say(`${last}: ${how}carried out.`);
    toggle(false);
    busy = false;
  }

  const cards = [...document.querySelectorAll(".attack")];
  const buttons = [document.getElementById("all"), ...cards.map((card) => card.querySelector(".run"))];
  const toggle = (off) => {
    // Not `disabled` while they run: that would take the focus from whoever uses a keyboard.
    for (const button of buttons) button.setAttribute("aria-disabled", String(off));
  };
  for (const card of cards) card.querySelector(".run").addEventListener("click", () => runAll([card]));
  buttons[0].addEventListener("click", () => runAll(cards));
  document.getElementById("again")?.addEventListener("click", look);
  window.addEventListener("focus", () => { if (!trusted && !busy) look(); });
  look().then(() => {
    for (const button of buttons) button.disabled = false;
    document.body.dataset.ready = "yes";
  });
})();
