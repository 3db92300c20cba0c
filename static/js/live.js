// Live pages. An element says what it depends on:
//   <section data-live="task:7" hx-get="…" hx-trigger="live queue:last" …>
// A hint over the socket, which carries no data, makes it ask again over HTTP.
// When the socket is refused or lost, everything asks every few seconds instead.
(() => {
  "use strict";
  const POLL = 5000;      // without a socket
  const SILENCE = 30000;  // with one: a hint may be lost
  const PACE = 400;       // at most one refresh of an element in this time
  const GIVE_UP = 4403;   // the server refuses this socket, and will again
  const spread = (ms) => ms * (0.8 + 0.4 * Math.random());

  let socket = null;
  let failures = 0;
  let refused = false;
  let watched = new Set();
  let timer = null;

  const elements = () => [...document.querySelectorAll("[data-live]")];
  const topics = () => new Set(elements().flatMap((e) => e.dataset.live.split(/\s+/).filter(Boolean)));

  const refresh = (element) => {
    if (element.liveTimer) return;
    const wait = Math.max(0, (element.liveLast || 0) + PACE - Date.now());
    element.liveTimer = setTimeout(() => {
      element.liveTimer = null;
      element.liveLast = Date.now();
      if (element.isConnected) htmx.trigger(element, "live");
    }, wait);
  };
  const refreshAll = () => elements().forEach(refresh);
  const hear = (topic) => {
    for (const element of elements()) {
      if (element.dataset.live.split(/\s+/).includes(topic)) refresh(element);
    }
  };

  const sign = (text) => {
    const place = document.querySelector("[data-live-sign]");
    if (!place) return;
    place.hidden = !text;
    if (place.textContent !== text) place.textContent = text;
  };
  const connected = () => socket !== null && socket.readyState === WebSocket.OPEN;

  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { refreshAll(); again(); }, spread(connected() ? SILENCE : POLL));
  };

  const watch = () => {
    const wanted = topics();
    const fresh = [...wanted].filter((topic) => !watched.has(topic));
    if (!wanted.size) return;
    if (connected()) {
      if (fresh.length) socket.send(JSON.stringify({ watch: fresh }));
      watched = new Set([...watched, ...wanted]);
    } else if (socket === null && !refused) connect();
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    watched = new Set();
    socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
    socket.onopen = () => {
      watch();
      if (failures) refreshAll();  // what was missed meanwhile
      failures = 0;
      sign("");
      again();
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.topic) hear(message.topic);
    };
    socket.onclose = (event) => {
      socket = null;
      refused = event.code === GIVE_UP;
      failures += 1;
      sign("No live updates: refreshing every 5 s");
      again();
      if (!refused) setTimeout(() => { if (socket === null) watch(); }, spread(Math.min(30000, 1000 * 2 ** failures)));
    };
  };

  document.addEventListener("DOMContentLoaded", watch);
  document.addEventListener("htmx:afterSettle", watch);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshAll(); });
  addEventListener("pagehide", () => { if (socket) { socket.onclose = null; socket.close(); socket = null; } });
  addEventListener("pageshow", (event) => { if (event.persisted) { watch(); refreshAll(); } });
})();
