// What a page does without its server: the theme, meanings of words, the tour, the glossary's
// filter. Streamlit draws the page and may replace any element at any time, so everything here
// listens to the document. No text of a user enters this script.
(() => {
  "use strict";

  // What this browser remembers, by name.
  const THEME = "shoal-theme";
  const TOUR = "shoal-tour";
  // Streamlit keeps its theme by the path at which it was loaded; ours is that of all paths.
  const STREAMLIT_THEME = `stActiveTheme-${location.pathname}-v2`;

  const read = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const write = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* a browser that keeps nothing */ }
  };
  const find = (selector) => document.querySelector(selector);

  // ---- the theme -------------------------------------------------------------------------------

  const kept = read(THEME);
  if (kept) write(STREAMLIT_THEME, JSON.stringify(kept));

  function currentTheme() {
    try { return JSON.parse(read(STREAMLIT_THEME)) || "System"; } catch { return "System"; }
  }

  function markTheme() {
    const theme = currentTheme();
    for (const button of document.querySelectorAll(".theme button")) {
      const pressed = String(button.dataset.theme === theme);
      if (button.getAttribute("aria-pressed") !== pressed) {
        button.setAttribute("aria-pressed", pressed);
      }
    }
  }

  // Streamlit changes its theme in its own menu only, so that is what the switch presses.
  function chooseTheme(button) {
    const theme = button.dataset.theme;
    const menu = find('[data-testid="stMainMenu"] button');
    const item = () => find(`[data-testid="stMainMenuItem-theme-${theme}"]`);
    write(THEME, theme);

    if (!menu) {
      write(STREAMLIT_THEME, JSON.stringify(theme));
      location.reload();
      return;
    }

    document.documentElement.classList.add("choosing");
    if (!item()) menu.click();
    let frames = 60;
    const press = () => {
      if (item()) {
        item().click();
        close();
      } else if (frames-- > 0) {
        requestAnimationFrame(press);
      } else {
        document.documentElement.classList.remove("choosing");
      }
    };
    const close = () => {
      if (item()) menu.click();
      setTimeout(() => {
        document.documentElement.classList.remove("choosing");
        markTheme();
        button.focus({ preventScroll: true });
      }, 150);
    };
    press();
  }

  // Elements outside of Streamlit's own take its colours from here.
  const takeColours = (element) => {
    const app = find(".stApp");
    if (app) element.style.colorScheme = getComputedStyle(app).colorScheme;
  };

  // ---- meanings --------------------------------------------------------------------------------

  const meaning = document.createElement("div");
  meaning.id = "meaning";
  meaning.setAttribute("role", "tooltip");
  meaning.setAttribute("popover", "manual");
  let word = null;
  let wordHasFocus = false;

  function showMeaning(button) {
    if (word === button) return;
    hideMeaning();
    word = button;
    takeColours(meaning);
    meaning.textContent = button.dataset.meaning;
    button.setAttribute("aria-describedby", "meaning");
    meaning.showPopover();

    const at = button.getBoundingClientRect();
    const size = meaning.getBoundingClientRect();
    const left = Math.min(at.left, innerWidth - size.width - 8);
    const isRoomBelow = at.bottom + size.height + 8 < innerHeight;
    meaning.style.left = `${Math.max(8, left)}px`;
    meaning.style.top = `${isRoomBelow ? at.bottom + 2 : Math.max(0, at.top - size.height - 2)}px`;
  }

  function hideMeaning() {
    if (!word) return;
    word.removeAttribute("aria-describedby");
    word = null;
    if (meaning.isConnected && meaning.matches(":popover-open")) meaning.hidePopover();
  }

  // A refresh of the page replaces the word that is being explained: go on at its successor.
  function followWord() {
    if (!word || word.isConnected) return;
    const [text, hadFocus] = [word.textContent, wordHasFocus];
    const same = [...document.querySelectorAll("[data-meaning]")]
      .find((button) => button.textContent === text);
    hideMeaning();
    wordHasFocus = false;
    if (!same) return;
    if (hadFocus) same.focus({ preventScroll: true });
    else showMeaning(same);
  }

  const wordOf = (event) => event.target.closest?.("[data-meaning]");

  document.addEventListener("pointerover", (event) => {
    const button = wordOf(event);
    if (button) showMeaning(button);
    else if (!event.target.closest?.("#meaning") && !wordHasFocus) hideMeaning();
  });
  document.addEventListener("focusin", (event) => {
    const button = wordOf(event);
    wordHasFocus = Boolean(button);
    if (button) showMeaning(button);
  });
  document.addEventListener("focusout", (event) => {
    if (wordOf(event) && event.target.isConnected) {
      wordHasFocus = false;
      hideMeaning();
    }
  });
  document.addEventListener("scroll", hideMeaning, { capture: true, passive: true });

  // ---- the tour --------------------------------------------------------------------------------

  let step = 0;

  function showStep(number) {
    const steps = [...document.querySelectorAll("#tour section")];
    step = Math.max(0, Math.min(number, steps.length - 1));
    steps.forEach((section, index) => { section.hidden = index !== step; });
    find("#tour .step").textContent = `${step + 1} of ${steps.length}`;
    find('#tour [data-tour="back"]').hidden = step === 0;
    find('#tour [data-tour="next"]').textContent = step + 1 < steps.length ? "Next" : "Done";
    const heading = steps[step].querySelector("h2");
    find("#tour").setAttribute("aria-labelledby", heading.id);
    heading.focus();
  }

  // The browser's own dialog keeps the focus, ends with Escape, and gives the focus back.
  function openTour() {
    const tour = find("#tour");
    if (tour.open) return;
    takeColours(tour);
    tour.showModal();
    showStep(0);
  }

  function turnTour(where) {
    if (where === "start") openTour();
    else if (where === "back") showStep(step - 1);
    else if (where === "next" && step + 1 < document.querySelectorAll("#tour section").length) {
      showStep(step + 1);
    } else {
      find("#tour").close();
    }
  }

  // A browser that keeps nothing would show it at every visit, and so never does.
  if (read(TOUR) === null) write(TOUR, "new");
  let isFirstVisit = read(TOUR) === "new";

  function welcome() {
    if (!isFirstVisit || !find('[data-testid="stMain"] h1')) return;
    isFirstVisit = false;
    openTour();
  }

  // ---- the glossary's filter -------------------------------------------------------------------

  document.addEventListener("input", (event) => {
    if (!event.target.matches?.("input.filter")) return;
    const wanted = event.target.value.trim().toLowerCase();
    let count = 0;
    for (const row of document.querySelectorAll("table.glossary tbody tr")) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) count += 1;
    }
    find("#found-words").textContent = count === 1 ? "1 word" : `${count} words`;
  });

  // ---- what Streamlit names twice --------------------------------------------------------------

  // A place to drop files that says it is mere decoration has no name; its button has one.
  function mendUploaders() {
    const named = '[data-testid="stFileUploaderDropzone"][role="presentation"][aria-label]';
    for (const place of document.querySelectorAll(named)) place.removeAttribute("aria-label");
  }

  // ---- all of them -----------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const theme = event.target.closest?.(".theme button");
    const turn = event.target.closest?.("[data-tour]");
    if (theme) chooseTheme(theme);
    else if (turn) turnTour(turn.dataset.tour);
    else if (event.target.closest?.("#tour a")) find("#tour").close();
    else if (wordOf(event)) showMeaning(wordOf(event));
    else if (!event.target.closest?.("#meaning")) hideMeaning();

    // Streamlit's own menu may have changed the theme.
    if (event.target.closest?.('[data-testid^="stMainMenuItem-theme-"]')) {
      setTimeout(() => {
        write(THEME, currentTheme());
        markTheme();
      }, 100);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideMeaning();
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.body.append(meaning);
    find("#tour").addEventListener("close", () => write(TOUR, "closed"));
    const changed = () => { markTheme(); followWord(); welcome(); mendUploaders(); };
    new MutationObserver(changed).observe(document.body, { childList: true, subtree: true });
  });
})();
