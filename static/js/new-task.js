// A refresh of the choices never overwrites what a person is typing meanwhile.
(() => {
  "use strict";
  const typed = "#new-task textarea, #new-task input[type=text], #new-task input[type=number]";
  document.addEventListener("DOMContentLoaded", () => {
    const { callbacks } = Idiomorph.defaults;
    const others = callbacks.beforeNodeMorphed;
    callbacks.beforeNodeMorphed = (old, fresh) => others(old, fresh) !== false &&
      !(old.matches?.(typed) && old.id === fresh.id && !old.closest("[hx-post]:not(#new-arguments)"));
  });
})();
