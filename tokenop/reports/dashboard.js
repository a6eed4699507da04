// The page's interactive part: hands the cells to Vega, and the chosen filters to every chart.
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("tokenop-data");
  const { colours, charts } = read("tokenop-charts");
  const field = (name) => document.getElementById(`pick-${name}`);
  const groups = ["tenant", "model", "intent"];
  const dayBefore = (text) => new Date(Date.parse(text) - 864e5).toISOString().slice(0, 10);
  let views = {};

  const tones = ["s1", "s2", "s3", "s4", "s5", "s6", "others"];
  const cells = data.rows.map(([period, t, m, i, calls, before, after, unpriced]) => {
    const [first, end] = data.periods[period];
    return {
      // Vega turns the fields on a time axis into dates; the filters compare the texts `since` and `last`.
      first, end, since: first, last: dayBefore(end), t, m, i, calls, before, after, unpriced,
      tenant: data.tenant[t], model: data.model[m], intent: data.intent[i],
      tone: tones[Math.min(m, 6)],
    };
  });

  const picks = () => ({
    ...Object.fromEntries(groups.map((name) => [`pick_${name}`, Number(field(name).value)])),
    pick_since: field("since").value,
    pick_until: field("until").value,
  });

  const money = (amount) =>
    (amount < 0 ? "\u2212" : "") + "$" +
    Math.abs(amount).toLocaleString("en-US", Math.abs(amount) >= 100
      ? { maximumFractionDigits: 0 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 });

  function total(chosen) {
    const sum = { before: 0, after: 0, calls: 0, unpriced: 0 };
    for (const cell of cells) {
      if (groups.some((name) => chosen[`pick_${name}`] >= 0 && cell[name[0]] !== chosen[`pick_${name}`])) continue;
      if (chosen.pick_since && cell.last < chosen.pick_since) continue;
      if (chosen.pick_until && cell.first > chosen.pick_until) continue;
      sum.before += cell.before;
      sum.after += cell.after;
      sum.calls += cell.calls;
      sum.unpriced += cell.unpriced;
    }
    return sum;
  }

  function show() {
    const chosen = picks();
    const { before, after, calls, unpriced } = total(chosen);
    const many = (number) => Math.round(number).toLocaleString("en-US");
    const small = document.createElement("small");
    // A sum over nothing but calls without a price is not zero: it is not known.
    const known = unpriced < calls || calls === 0;
    const delta = after - before;
    small.textContent = (known ? ` ${delta > 0 ? "+" : ""}${money(delta)} in ` : " for ") + `${many(calls)} calls` +
      (known && unpriced ? `, ${many(unpriced)} of them without a known price` : "");
    const head = known ? `${money(before)} \u2192 ${money(after)}` : "No price is known";
    document.getElementById("live-result").replaceChildren(head, small);
    return Promise.all(Object.values(views).map((view) => {
      for (const [name, value] of Object.entries(chosen)) view.signal(name, value);
      return view.runAsync();
    }));
  }

  async function draw() {
    const style = getComputedStyle(document.documentElement);
    const fonts = getComputedStyle(document.body).fontFamily;
    const now = (name) => style.getPropertyValue(`--${name}`).trim();
    let text = JSON.stringify(charts);
    for (const [name, hex] of Object.entries(colours)) text = text.replaceAll(`"${hex}"`, JSON.stringify(now(name)));
    const values = cells.map((cell) => ({ ...cell, colour: now(cell.tone) }));
    const fresh = {};
    for (const [id, spec] of Object.entries(JSON.parse(text))) {
      spec.data = { name: "cells", values };
      spec.config.font = fonts;
      for (const param of spec.params ?? []) {
        const [kind, name] = param.name.split("_");
        if (kind === "names") param.value = data[name];
        if (param.name in picks()) param.value = picks()[param.name];
      }
      const { view } = await vegaEmbed(`#${id}`, spec, {
        actions: false, ast: true, renderer: "svg", logLevel: 1 /* errors */,
        tooltip: { theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" },
      });
      view.addEventListener("click", (_, item) => pick(id, item?.datum));
      fresh[id] = view;
    }
    Object.values(views).forEach((view) => view.finalize());
    views = fresh;
    globalThis.tokenop = { views, show };
    document.documentElement.dataset.drawn = "yes";
    return show();
  }

  // A click on a bar chooses that group; a second click on the same group lets go of it.
  function pick(id, datum) {
    const name = id === "live-time" ? "model" : id.slice("live-".length);
    const place = datum?.[name[0]];
    if (place === undefined) return;
    const select = field(name);
    select.value = Number(select.value) === place ? "-1" : String(place);
    show();
  }

  const form = document.querySelector(".filters");
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));
  form.addEventListener("submit", (event) => event.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
