// Runs before the page is drawn, so that it never flashes in the other theme.
(() => {
  "use strict";
  const KEY = "ptm-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paper = matchMedia("print");  // is white
  const chosen = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const show = () => {
    const theme = paper.matches ? "light" : chosen() || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("ptm:theme", { detail: theme }));
  };
  show();
  for (const wish of [dark, paper]) wish.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const now = document.documentElement.dataset.bsTheme;
        try { localStorage.setItem(KEY, now === "dark" ? "light" : "dark"); } catch { /* a private window */ }
        show();
      });
    }
  });
})();
