// Renews the numbers while the page is looked at. Everything is put in as text; without script the
// page says the same when it is loaded again.
'use strict';

const EVERY = 5000;
const HEIGHT = 100;
const main = document.getElementById('main');
const stale = document.getElementById('stale');
let renewed = new Date();
const bars = document.querySelectorAll('#chart rect');

const sum = (minute) => minute.reduce((all, one) => all + one, 0);

const draw = (minutes) => {
  const most = Math.max(...minutes.map(sum));
  minutes.forEach((minute, at) => {
    let bottom = HEIGHT;
    minute.forEach((count, kind) => {
      const bar = bars[at * minute.length + kind];
      const height = most > 0 ? Math.floor((count * HEIGHT) / most) : 0;
      bottom -= height;
      bar.setAttribute('y', String(bottom));
      bar.setAttribute('height', String(height));
    });
  });
  const last = sum(minutes[minutes.length - 1]);
  document.querySelector('[data-live=most]').textContent = String(most);
  document
    .getElementById('chart')
    .setAttribute('aria-label', `Requests a minute in the last hour: most ${most}, in the last minute ${last}`);
};

const renew = async () => {
  if (document.hidden) {
    return;
  }
  let live;
  try {
    const answer = await fetch('/live.json', { cache: 'no-store' });
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    live = await answer.json();
  } catch (error) {
    // What is green would go on to say that all is well.
    for (const lamp of document.querySelectorAll('[data-lamp]')) {
      lamp.className = 'lamp';
      lamp.lastChild.textContent = ' not known';
    }
    stale.textContent = error instanceof TypeError
      ? `The gateway does not answer: it has ended, or is starting. All below is from ${renewed.toLocaleTimeString()} or before; the numbers go on by themselves when it is back.`
      : `The numbers stand still (${error.message}). Load the page again.`;
    stale.classList.add('bad');
    stale.hidden = false;
    return;
  }
  renewed = new Date();
  stale.classList.remove('bad');
  for (const [name, text] of Object.entries(live.text)) {
    const place = document.querySelector(`[data-live="${name}"]`);
    if (place && place.textContent !== text) {
      place.textContent = text;
    }
  }
  for (const [name, [good, text]] of Object.entries(live.lamps)) {
    const lamp = document.querySelector(`[data-lamp="${name}"]`);
    lamp.className = good ? 'lamp good' : 'lamp bad';
    lamp.lastChild.textContent = ` ${text}`;
  }
  draw(live.minutes);
  const changed = live.tables !== main.dataset.tables;
  if (changed) {
    stale.textContent = 'There is something new in the tables: refresh to see it.';
  }
  stale.hidden = !changed;
};

setInterval(renew, EVERY);
document.addEventListener('visibilitychange', renew);
