"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll(".card")];
  const homes = new Map(cards.map((card) => [card, card.parentElement]));
  const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
  const leaves = [...document.querySelectorAll("#tree li")];
  const dialog = at("detail");
  const drawings = new Map(cards.map((card) => [card, card.querySelector(".thumb").src]));
  let visible = cards;
  let opener = null;

  // A thumbnail shows neither the title above a drawing nor the legend below it.
  const [above, below] = [58, 46];
  const size = /viewBox="0 0 ([\d.]+) ([\d.]+)" width="[\d.]+" height="[\d.]+"/;
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      target.src = "data:image/svg+xml," + encodeURIComponent(
        decodeURIComponent(target.src.slice(target.src.indexOf(",") + 1)).replace(size, (_, w, h) => {
          const height = Math.max(h - above - below, 1);
          return `viewBox="0 ${above} ${w} ${height}" width="${w}" height="${height}"`;
        }),
      );
    }
  }, { rootMargin: "400px" });
  cards.forEach((card) => seen.observe(card.querySelector(".thumb")));

  const value = (id) => (at(id) ? at(id).value : "");

  function matches(card) {
    const of = card.dataset;
    const year = Number(of.year || 0);
    const from = Number(value("from") || 0);
    const to = Number(value("to") || 9999);
    return (
      value("q").toLowerCase().split(/\s+/).every((word) => words.get(card).includes(word)) &&
      ["family", "tier", "parallel"].every((key) => !value(key) || value(key) === of[key]) &&
      (!value("from") || year >= from) && (!value("to") || (year && year <= to))
    );
  }

  const orders = {
    year: (a, b) => (a.dataset.year || 9999) - (b.dataset.year || 9999),
    name: () => 0,
    state: (a, b) => (a.dataset.state || 1e12) - (b.dataset.state || 1e12),
  };
  const byName = (a, b) => (a.dataset.name < b.dataset.name ? -1 : 1);

  function arrange() {
    const view = value("view");
    const kept = new Set(cards.filter(matches));
    cards.forEach((card) => { card.hidden = !kept.has(card); });
    at("families").hidden = view !== "family";
    at("flat").hidden = !(view in orders);
    at("tree").hidden = view !== "tree";
    if (view in orders) {
      const sorted = [...cards].sort((a, b) => orders[view](a, b) || byName(a, b));
      at("flat").append(...sorted);
      visible = sorted.filter((card) => kept.has(card));
    } else {
      cards.forEach((card) => homes.get(card).append(card));
      visible = cards.filter((card) => kept.has(card));
    }
    document.querySelectorAll(".family").forEach((family) => {
      const shown = family.querySelectorAll(".card:not([hidden])").length;
      family.hidden = shown === 0;
      family.querySelector(".number").textContent = shown;
    });
    leaves.forEach((leaf) => {
      const own = kept.has(at(leaf.dataset.of));
      const below = [...leaf.querySelectorAll("li")].some((other) => kept.has(at(other.dataset.of)));
      leaf.hidden = !own && !below;
      leaf.classList.toggle("dim", !own);
    });
    at("nothing").hidden = kept.size > 0;
    at("count").textContent = kept.size === 1 ? "1 cell" : `${kept.size} cells`;
  }

  function show(card) {
    const body = at("detail-body");
    const drawing = document.createElement("img");
    drawing.className = "drawing";
    drawing.src = drawings.get(card);
    drawing.alt = `Diagram of ${card.dataset.name}`;
    body.replaceChildren(drawing, ...card.querySelector(".more").cloneNode(true).childNodes);
    at("detail-name").textContent = [card.dataset.name, card.dataset.year].join(" ").trim();
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
      // The attribute autofocus would also be processed when the page is loaded.
      at("detail-name").focus();
    }
    dialog.scrollTop = 0;
  }

  function follow() {
    const card = at(decodeURIComponent(location.hash.slice(1)));
    if (card && card.classList.contains("card")) show(card);
    else if (dialog.open) dialog.close();
  }

  function step(by) {
    const name = decodeURIComponent(location.hash.slice(1));
    const place = visible.findIndex((card) => card.dataset.name === name);
    const next = visible[(place + by + visible.length) % visible.length];
    if (next) {
      history.replaceState(null, "", `#${next.dataset.name}`);
      show(next);
    }
  }

  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("input", arrange);
  at("filters").addEventListener("reset", () => setTimeout(arrange));
  at("close").addEventListener("click", () => dialog.close());
  at("back").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", location.pathname + location.search);
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && !typing && !dialog.open) {
      event.preventDefault();
      at("q").focus();
    } else if (dialog.open && event.target.tagName !== "PRE" && event.key === "ArrowRight") step(1);
    else if (dialog.open && event.target.tagName !== "PRE" && event.key === "ArrowLeft") step(-1);
  });
  // A link to the cell that is already open does not change the address, so handle clicks, too.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const card = link && at(link.getAttribute("href").slice(1));
    if (!card || !card.classList.contains("card")) return;
    event.preventDefault();
    if (location.hash !== link.hash) history.replaceState(null, "", link.hash);
    show(card);
  });
  window.addEventListener("hashchange", follow);
  arrange();
  follow();
  document.documentElement.dataset.ready = "";
})();
