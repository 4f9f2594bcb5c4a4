// The keys of the review desk. The kernel handles them in order; this file sends each with the case on the screen.
{
  const shown = (selector) => [...document.querySelectorAll(selector)].find((one) => one.offsetParent !== null);
  const SENT_KEYS = ["f", "g", "u", "n", "z", "1", "2", "3", "4", "5"], KEPT = 200;
  const TYPED_IN = "textarea, input:not([type=radio]):not([type=checkbox]), [contenteditable]";
  const pressed = [];
  let count = 0;
  const onScreen = () => document.querySelector(".fo-on-screen [data-case]")?.dataset.case ?? "";

  const send = (key, note = null) => {
    const field = document.querySelector(".fo-keys input");
    if (!field) return;
    pressed.push([++count, key, onScreen(), note]);
    if (pressed.length > KEPT) pressed.shift();
    field.value = JSON.stringify(pressed);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const moveTab = (by) => {
    const tabs = [...document.querySelectorAll(".fo-page .lm-TabBar-tab")];
    openTab(tabs[tabs.findIndex((tab) => tab.classList.contains("lm-mod-current")) + by]);
  };
  const openTab = (tab) => {
    if (!tab) return;
    const place = tab.getBoundingClientRect();  // the tab bar goes by where a pointer is
    const there = { bubbles: true, button: 0, clientX: place.x + place.width / 2, clientY: place.y + place.height / 2 };
    for (const name of ["pointerdown", "pointerup"]) tab.dispatchEvent(new PointerEvent(name, there));
  };

  const toggleHelp = () => {
    const help = document.getElementById("fo-help");
    if (help.open) help.close();
    else help.showModal();
  };

  document.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase(), at = event.target;
    if (document.getElementById("fo-help")?.open) {
      if (key !== "?") return;
    } else if (key === "enter" && (event.ctrlKey || event.metaKey) && at.closest?.(".fo-verdict-form")) {
      send("record", shown(".fo-notefield textarea")?.value ?? null);
      event.preventDefault();
      return;
    }
    if (key === "/" && at.matches(".fo-open-id input") && !at.value) return event.preventDefault();  // pressed twice
    if (event.ctrlKey || event.metaKey || event.altKey || at.matches(TYPED_IN)) return;
    if (key === "?") {
      toggleHelp();
    } else if (key === "arrowright" || key === "arrowleft") {
      if (at.matches("input, select, [role=tab]")) return;
      moveTab(key === "arrowright" ? 1 : -1);
    } else if (!document.querySelector(".fo-desk")?.offsetParent) {
      return;
    } else if (key === "enter" && at.matches(".fo-skip-reason select, .fo-snooze select")) {
      shown("button.fo-skip")?.click();
    } else if (key === "enter" && at.matches(".fo-colleague select")) {
      shown("button.fo-assign")?.click();
    } else if (key === "enter" && at.matches("body, .fo-reason select, .fo-verdict input")) {
      send("enter", shown(".fo-notefield textarea")?.value ?? null);
    } else if (at.matches("select") && !at.matches(".fo-reason select")) {
      return;  // letters choose in a list
    } else if (key === "s") {
      shown(".fo-skip-reason select")?.focus();
    } else if (key === "t") {
      shown(".fo-notefield textarea")?.focus();
    } else if (key === "/") {
      shown(".fo-open-id input")?.focus();
    } else if (SENT_KEYS.includes(key)) {
      if (!event.repeat) send(key);
      if ("fgu".includes(key)) shown(".fo-reason select")?.focus({ preventScroll: true });  // for the arrow keys
    } else {
      return;
    }
    event.preventDefault();
  }, true);  // before the note, which passes no key on

  // the second click of a double click would meet the next case
  document.addEventListener("click", (event) => {
    if (event.detail > 1 && event.target.closest(".fo-desk button, .fo-bar button")) event.stopImmediatePropagation();
  }, true);

  document.addEventListener("click", (event) => {
    if (event.target.closest(".fo-help, #fo-help button")) toggleHelp();
    const link = event.target.closest('a[href^="#case="]');
    if (!link) return;
    event.preventDefault();
    openCase(decodeURIComponent(link.hash.slice(6)));
  });
  const openCase = (id) => {
    const field = document.querySelector(".fo-open-id input");
    if (!field) return;
    openTab([...document.querySelectorAll(".fo-page .lm-TabBar-tab")].find((tab) => tab.innerText.trim() === "Review"));
    field.value = id;
    for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
  };

  // names and roles that the widgets do not give
  const dress = () => {
    for (const box of document.querySelectorAll(".fo-verdict .widget-radio-box:not([role])")) {
      box.setAttribute("role", "radiogroup");
      box.setAttribute("aria-label", "Verdict");
    }
    document.querySelectorAll(".fo-verdict input:not([name])").forEach((one) => one.setAttribute("name", "fo-verdict"));
    document.querySelectorAll('.fo-page [title="null"]').forEach((one) => one.removeAttribute("title"));
  };

  // a new case: the focus goes to its form, and the clock of the undo runs
  let seen = "", undoable = "", undoEnd = 0;
  const follow = () => {
    dress();
    const mark = document.querySelector(".fo-on-screen [data-case]");
    if (!mark) return;
    if (mark.dataset.undo !== undoable) {
      undoable = mark.dataset.undo;
      undoEnd = performance.now() + 1000 * Number(mark.dataset.undoSeconds);
      tick();
    }
    if (mark.dataset.case === seen) return;
    seen = mark.dataset.case;
    const focused = document.activeElement;
    if (!seen || (focused !== document.body && !focused.closest(".fo-verdict-form, .fo-bar"))) return;
    if (focused.closest(".fo-open-id")) return;
    shown(".fo-verdict input")?.focus({ preventScroll: true });
    if (innerWidth < 900) shown(".fo-case h2")?.scrollIntoView({ block: "start" });
  };
  const tick = () => {
    const button = document.querySelector("button.fo-undo");
    if (!button) return;
    const left = undoable ? Math.ceil((undoEnd - performance.now()) / 1000) : 0;
    button.classList.toggle("fo-over", left <= 0);
    button.disabled = left <= 0;
  };
  setInterval(tick, 500);
  new MutationObserver(follow).observe(document.documentElement, { childList: true, subtree: true, attributes: true,
    attributeFilter: ["title", "data-case"] });
}
