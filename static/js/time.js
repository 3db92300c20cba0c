// Times in the reader's own zone, and spans that grow. Without scripts: UTC.
(() => {
  "use strict";
  const moment = new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

  // The same words as span_in_words in ptm_site/templatetags/page.py.
  const words = (seconds) => {
    const s = Math.max(seconds, 0);
    if (s < 60) return `${Math.floor(s)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
    const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
    const parts = [];
    let rest = s;
    for (const [name, length] of units) {
      const n = Math.floor(rest / length);
      if (n) parts.push(`${n} ${name}${n === 1 ? "" : "s"}`);
      else if (parts.length) break;
      rest -= n * length;
      if (parts.length === 2) break;
    }
    return parts.join(", ");
  };
  const show = (root) => {
    for (const time of root.querySelectorAll("time[data-show]")) {
      const at = new Date(time.dateTime);
      const text = time.dataset.show === "age" ? words((Date.now() - at) / 1000) : moment.format(at);
      if (time.textContent !== text) time.textContent = text;
      time.title = exact.format(at);
    }
  };
  document.addEventListener("DOMContentLoaded", () => show(document));
  document.addEventListener("htmx:afterSettle", (event) => show(event.target));
  setInterval(() => { if (!document.hidden) show(document); }, 1000);
})();
