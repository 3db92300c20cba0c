// What django-unfold leaves out: names for its scrolling parts, and keys for what only
// the mouse can open.
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  document.querySelectorAll("[data-simplebar]").forEach((part, index) => {
    const name = part.id === "nav-sidebar-apps" ? "Menu" : `Part ${index + 1}`;
    part.dataset.simplebarAriaLabel = name;
  });
  const openers = "span[x-on\\:click], div.cursor-pointer[x-on\\:click], a[x-on\\:click]:not([href])";
  for (const opener of document.querySelectorAll(openers)) {
    opener.tabIndex = 0;
    opener.setAttribute("role", "button");
    if (opener.classList.contains("material-symbols-outlined")) opener.setAttribute("aria-label", "Menu");
    opener.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      opener.click();
    });
  }
});
