"use strict";
(() => {
  const filter = document.getElementById("filter");
  const state = document.getElementById("state");
  const found = document.getElementById("found");
  const clauses = [...document.querySelectorAll(".clause")].map((node) => ({
    node,
    abi: node.closest(".abi"),
    state: node.dataset.state,
    text: null,
  }));
  const unexpected = new Set(["fail", "unexpected-pass", "crash", "hang"]);
  const wanted = {
    all: () => true,
    unexpected: (s) => unexpected.has(s),
    deviating: (s) => unexpected.has(s) || s === "known-fail",
    none: (s) => s === "none" || s === "skip",
  };

  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Map();
    let count = 0;
    for (const clause of clauses) {
      clause.text ??= clause.node.textContent.toLowerCase();
      const hit = wanted[state.value](clause.state) && words.every((w) => clause.text.includes(w));
      clause.node.hidden = !hit;
      count += hit;
      shown.set(clause.abi, (shown.get(clause.abi) ?? 0) + hit);
    }
    for (const [abi, hits] of shown) abi.hidden = !hits;
    found.textContent = count === clauses.length ? "" : `${count} of ${clauses.length} clauses`;
  };

  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      node.hidden = false;
    }
    target.scrollIntoView({ block: "start" });
  };

  let waiting;
  filter.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 80);
  });
  state.addEventListener("change", apply);
  addEventListener("hashchange", open);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    }
  });
  open();
})();
