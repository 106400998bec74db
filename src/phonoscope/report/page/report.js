"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = (id) => JSON.parse(document.getElementById(id).textContent);
  const look = data("data-look"), samples = data("data-samples"), tables = data("data-tables");

  // --- selectors: each combination of choices has a pane; those not shown yet wait in a template ---
  function show(picker) {
    const key = all("select[data-axis]", picker).map((choice) => choice.value).join("|").replaceAll(" ", "_");
    const waiting = all("template[data-keys]", picker).find((one) => one.dataset.keys.split(" ").includes(key));
    if (waiting) {
      const pane = document.createElement("div");
      pane.className = "pane";
      pane.dataset.keys = waiting.dataset.keys;
      pane.append(waiting.content);
      waiting.replaceWith(pane);
      notate(pane);
      prepare(pane);
    }
    for (const pane of all(".pane", picker)) pane.hidden = !pane.dataset.keys.split(" ").includes(key);
    applyLegends(picker.closest("[data-scope]") || picker);
    find(picker);
  }

  // --- phones in the corpus's notation or in IPA ---
  let notation = "phone";
  function notate(within) {
    for (const one of all("[data-ipa]", within)) one.textContent = notation === "ipa" ? one.dataset.ipa : one.dataset.phone;
  }

  // --- legends ---
  function applyLegends(scope) {
    const off = new Set(all(".legend [aria-pressed=false]", scope).map((one) => one.dataset.toggles));
    for (const one of all("[data-series]", scope)) one.classList.toggle("off", off.has(one.dataset.series));
  }

  // --- one phone among the samples ---
  function find(picker) {
    const wanted = picker.querySelector("select[data-find]");
    if (!wanted) return;
    for (const svg of all("svg.chart", picker)) {
      svg.classList.toggle("dim", wanted.value !== "");
      for (const one of all("[data-of]", svg)) one.classList.toggle("lit", one.dataset.of === wanted.value);
    }
  }

  // --- what is pointed at ---
  const tip = document.getElementById("tip");
  function words(element) {
    if (!element.dataset.sample) return element.dataset.tip;
    const [utterance, speaker, time] = samples.rows[Number(element.dataset.sample)];
    const phone = element.parentNode.dataset.of;
    return `/${phone}/ at ${time} s of ${samples.utterances[utterance]}, ${samples.speakers[speaker]}`;
  }
  function tell(element, x, y) {
    tip.textContent = words(element);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - box.width - 6))}px`;
    tip.style.top = `${y + 20 + box.height > innerHeight ? y - box.height - 10 : y + 18}px`;
  }
  function point(event) {
    const element = event.target.closest && event.target.closest("[data-tip], [data-sample]");
    if (element) tell(element, event.clientX, event.clientY);
    else tip.hidden = true;
  }
  document.addEventListener("pointermove", point);
  document.addEventListener("click", point); // a finger does not hover

  // --- by keyboard: the arrows go from point to point of what has the focus, or turn a cloud ---
  let at = -1, current = null;
  function leave() {
    if (current) current.classList.remove("current");
    current = null;
    at = -1;
    tip.hidden = true;
  }
  document.addEventListener("focusin", leave);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return leave();
    const within = event.target.closest && event.target.closest("svg.chart, [data-points]");
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!within || !step) return;
    const cloud = within.querySelector(".cloud");
    event.preventDefault();
    if (cloud) return turn(cloud, step[0] * 0.12, step[1] * 0.12);
    const points = all("[data-tip], [data-sample]", within).filter((one) => !one.closest(".off"));
    if (!points.length) return;
    if (current) current.classList.remove("current");
    at = (at + step[0] + step[1] + points.length) % points.length;
    if (at < 0) at = points.length - 1;
    current = points[at];
    current.classList.add("current");
    current.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    const box = current.getBoundingClientRect();
    tell(current, box.left + box.width / 2, box.top + box.height / 2);
  });

  // --- clouds in three dimensions ---
  function seen([x, y, z], turned, tilted) {
    const x1 = x * Math.cos(turned) + z * Math.sin(turned), z1 = z * Math.cos(turned) - x * Math.sin(turned);
    return [x1, y * Math.cos(tilted) - z1 * Math.sin(tilted), z1 * Math.cos(tilted) + y * Math.sin(tilted)];
  }
  function turn(cloud, by, tilting) {
    const turned = Number(cloud.dataset.turn) + by;
    const tilted = Math.max(-1.5, Math.min(1.5, Number(cloud.dataset.tilt) + tilting));
    cloud.dataset.turn = turned;
    cloud.dataset.tilt = tilted;
    const svg = cloud.ownerSVGElement, middle = svg.viewBox.baseVal.width / 2, scale = Number(cloud.dataset.scale);
    const points = all("[data-xyz]", cloud).map((one) => {
      const [x, y, depth] = seen(one.dataset.xyz.split(" ").map(Number), turned, tilted);
      const place = `${(middle + x * scale).toFixed(1)} ${(middle - y * scale).toFixed(1)}`;
      one.setAttribute("transform", `translate(${place}) scale(${(1 + 0.2 * depth).toFixed(2)})`);
      return [depth, one];
    });
    points.sort((a, b) => a[0] - b[0]);
    cloud.append(...points.map((pair) => pair[1]));
    for (const one of all("[data-axis]", svg)) {
      const [x, y] = seen(one.dataset.axis.split(" ").map(Number), turned, tilted);
      one.setAttribute("x2", middle + x * scale);
      one.setAttribute("y2", middle - y * scale);
    }
  }
  let held = null;
  document.addEventListener("pointerdown", (event) => {
    const svg = event.target.closest && event.target.closest("svg.chart");
    held = svg && svg.querySelector(".cloud");
  });
  document.addEventListener("pointermove", (event) => {
    if (held && event.buttons) turn(held, event.movementX * 0.01, event.movementY * 0.01);
  });
  document.addEventListener("pointerup", () => { held = null; });

  // --- files ---
  function save(name, content, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  const size = (svg) => [svg.viewBox.baseVal.width, Number(svg.dataset.full)];
  function written(svg) {
    const copy = svg.cloneNode(true), [width, height] = size(svg);
    for (const one of all(".off", copy)) one.remove();
    for (const one of all(".current", copy)) one.classList.remove("current");
    copy.removeAttribute("style");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.setAttribute("viewBox", `0 0 ${width} ${height}`); // with the key, which the page cuts off
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    style.textContent = look.css;
    const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of [["width", "100%"], ["height", "100%"], ["fill", "var(--paper)"]]) paper.setAttribute(key, value);
    copy.prepend(style, paper);
    return new XMLSerializer().serializeToString(copy).replace(/var\(--(\w+)\)/g, (whole, name) => look.light[name] || whole);
  }
  function saveAsPng(svg, name) {
    const picture = new Image(), [width, height] = size(svg), scale = 3;
    picture.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = width * scale;
      canvas.height = height * scale;
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(`${name}.png`, blob));
    };
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(written(svg))}`;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { act } = button.dataset;
    if (button.dataset.toggles) {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "false");
      applyLegends(button.closest("[data-scope]"));
    } else if (act === "svg" || act === "png") {
      const svg = button.closest("figure").querySelector("svg.chart"), name = button.closest("figure").dataset.name;
      if (act === "svg") save(`${name}.svg`, written(svg), "image/svg+xml");
      else saveAsPng(svg, name);
    } else if (act === "csv") save(`${button.dataset.table}.csv`, tables[button.dataset.table], "text/csv");
    else if (act === "copy") copy(document.getElementById(button.dataset.from), button);
    else if (act === "notation") {
      notation = notation === "ipa" ? "phone" : "ipa";
      button.textContent = notation === "ipa" ? "IPA" : look.notation;
      notate(document);
    } else if (act === "theme") {
      const dark = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim() === look.light.paper;
      document.documentElement.dataset.theme = dark ? "dark" : "light";
    }
  });
  function copy(source, button) {
    const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1500); };
    const select = () => {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    };
    select();
    const byCommand = () => { if (document.execCommand("copy")) done(); };
    if (navigator.clipboard && isSecureContext) navigator.clipboard.writeText(source.textContent).then(done, byCommand);
    else byCommand();
  }

  document.addEventListener("change", (event) => {
    const picker = event.target.closest(".picker");
    if (!picker) return;
    if (event.target.matches("select[data-axis]")) show(picker);
    else find(picker);
  });

  // --- on paper a figure has the key that the page cuts off: its buttons are not printed ---
  function printed(whole) {
    for (const svg of all("svg.chart[data-full]")) {
      svg.dataset.height ||= svg.viewBox.baseVal.height;
      const height = whole ? svg.dataset.full : svg.dataset.height;
      svg.setAttribute("viewBox", `0 0 ${svg.viewBox.baseVal.width} ${height}`);
    }
  }
  addEventListener("beforeprint", () => printed(true));
  addEventListener("afterprint", () => printed(false));

  // wide figures scroll in their own box, which the keyboard has to reach too
  function prepare(within) {
    for (const svg of all("svg.chart", within)) if (svg.viewBox.baseVal.width > 560) svg.classList.add("wide");
  }
  prepare(document);
  for (const picker of all(".picker")) show(picker); // a browser keeps choices over a reload
})();
