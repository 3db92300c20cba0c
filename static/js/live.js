// Live pages. An element says what it depends on:
//   <section data-live="task:7" hx-get="…" hx-trigger="live queue:last" …>
// A hint over the socket, which carries no data, makes it ask again over HTTP.
// When the socket is refused or lost, everything asks every few seconds instead.
(() => {
  "use strict";
  const POLL = 5000;      // without a socket
  const SILENCE = 30000;  // with one: a hint may be lost
  const PACE = 400;       // at most one refresh of an element in this time
  const GATHER = 40;      // hints that come together make one refresh
  const SLOWEST = 30000;  // between two attempts to open the socket
  const GIVE_UP = 4403;   // the server refuses this socket, and will again
  const spread = (ms) => ms * (0.8 + 0.4 * Math.random());

  let socket = null;
  let failures = 0;
  let retry = null;       // the timer of the next attempt
  let refused = false;
  let told = "";          // what the server was last told we watch
  let poll = null;
  let trouble = "";       // why asking over HTTP does not work

  const elements = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (element) => element.dataset.live.split(/\s+/).filter(Boolean);
  const topics = () => [...new Set(elements().flatMap(topicsOf))].sort();
  const connected = () => socket !== null && socket.readyState === WebSocket.OPEN;

  const refresh = (element) => {
    if (element.liveTimer) return;
    const wait = Math.max(GATHER, (element.liveLast || 0) + PACE - Date.now());
    element.liveTimer = setTimeout(() => {
      element.liveTimer = null;
      element.liveLast = Date.now();
      // Does not bubble: what lies around a log has its own topics.
      if (element.isConnected && element.dataset.live) element.dispatchEvent(new CustomEvent("live"));
    }, wait);
  };
  const refreshAll = () => elements().forEach(refresh);
  const hear = (topic) => elements().filter((e) => topicsOf(e).includes(topic)).forEach(refresh);

  const show = () => {
    const place = document.querySelector("[data-live-sign]");
    if (!place) return;
    let text = "";
    if (elements().length) {
      text = trouble || (connected() || !failures ? "" : "No live updates: refreshing every 5 s");
    }
    place.hidden = !text;
    if (place.textContent !== text) place.textContent = text;
  };

  const pollAgain = () => {
    clearTimeout(poll);
    // A tab that nobody looks at asks when it is looked at again.
    const ask = () => { if (!document.hidden) refreshAll(); pollAgain(); };
    poll = setTimeout(ask, spread(connected() ? SILENCE : POLL));
  };

  // Opens, tells or closes the socket, so that it fits what the page shows now.
  const settle = () => {
    const wanted = topics();
    show();
    if (!wanted.length) { stop(); return; }
    if (connected()) {
      const watch = JSON.stringify({ watch: wanted });
      if (watch !== told) socket.send(watch);
      told = watch;
    } else if (socket === null && retry === null && !refused) connect();
  };

  const stop = () => {
    clearTimeout(poll);
    clearTimeout(retry);
    retry = null;
    if (socket) { socket.onclose = null; socket.close(); socket = null; }
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    told = "";
    socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
    // The server answers with each topic that it took up: what was missed is asked for.
    socket.onopen = () => { settle(); pollAgain(); };
    socket.onmessage = (event) => {
      failures = 0;
      hear(JSON.parse(event.data).topic);
      show();
    };
    socket.onclose = (event) => {
      socket = null;
      refused = event.code === GIVE_UP;
      failures += 1;
      if (!refused) {
        const wait = spread(Math.min(SLOWEST, 500 * 2 ** failures));
        retry = setTimeout(() => { retry = null; settle(); }, wait);
      }
      if (failures === 1) refreshAll();
      pollAgain();
      show();
    };
    pollAgain();
  };

  // Where it waited for another request, that one may have changed what is shown.
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt } = event.detail;
    if (elt.dataset.live) event.detail.path = elt.getAttribute("hx-get") || event.detail.path;
  });

  // What HTTP answers decides: a page that is not ours any more is not kept on show.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.target.closest("[data-live]")) return;
    const { status, responseURL } = event.detail.xhr;
    trouble = status >= 500 ? "The server has a problem: trying again every 5 s" : "";
    const gone = status === 403 || status === 404;
    if (gone && !event.detail.target.closest("form")) location.reload();
    else if (gone) trouble = "This page is out of date: copy what you typed, and open it again";
    const elsewhere = new URL(responseURL).pathname !== event.detail.pathInfo.requestPath.split("?")[0];
    if (elsewhere) {
      event.detail.shouldSwap = false;
      trouble = "Signed out: reload to sign in";
    }
    show();
  });
  document.addEventListener("htmx:sendError", () => {
    trouble = "The server does not answer: trying again";
    show();
  });

  document.addEventListener("DOMContentLoaded", () => {
    // What a reader has opened stays open, and what a page loaded itself stays.
    const { callbacks } = Idiomorph.defaults;
    const others = callbacks.beforeNodeMorphed;
    const kept = (old, fresh) => ("keep" in old.dataset) || (old.tagName === "TIME" && old.dateTime === fresh.dateTime);
    callbacks.beforeNodeMorphed = (old, fresh) => others(old, fresh) !== false && !(old.dataset && kept(old, fresh));
    callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");
    settle();
  });
  document.addEventListener("htmx:afterSettle", settle);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshAll(); });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => { if (event.persisted) { settle(); refreshAll(); } });
})();
