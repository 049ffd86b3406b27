"use strict";
(function () {
  // The slider: shows the texts that were written for each solved budget. It computes nothing.
  var slider = document.getElementById("budget");
  var data = JSON.parse(document.getElementById("states").textContent);
  var looking = document.getElementById("looking");
  var first = new Map();

  function all(selector, action) {
    Array.from(document.querySelectorAll(selector)).forEach(action);
  }
  function put(element, text) {
    if (!first.has(element)) { first.set(element, element.textContent); }
    element.textContent = text;
  }
  function place(element, attributes) {
    if (!element) { return; }
    if (!first.has(element)) { first.set(element, Object.keys(attributes).map(function (key) { return [key, element.getAttribute(key)]; })); }
    Object.keys(attributes).forEach(function (key) { element.setAttribute(key, attributes[key]); });
  }
  function restore() {
    first.forEach(function (value, element) {
      if (typeof value === "string") { element.textContent = value; return; }
      value.forEach(function (pair) { element.setAttribute(pair[0], pair[1]); });
    });
  }
  var columns = ["buy", "cost", "share", "expected", "range"];
  function showRow(row, values) {
    Array.from(row.querySelectorAll("[data-cell]")).forEach(function (cell) {
      put(cell, values[columns.indexOf(cell.dataset.cell)]);
    });
    if (values[5]) { place(row.querySelector("svg .bar"), { width: values[5] }); }
    if (values[6]) {
      place(row.querySelector("svg .mark"), { cx: values[6] });
      place(row.querySelector("svg .rise"), { x2: values[6] });
      place(row.querySelector("svg .range"), { x: values[7], width: values[8] });
    }
  }
  // Where texts above grow or shrink the page is scrolled by as much: nothing moves under the hand.
  function keepingPlace(element, action) {
    var before = element.getBoundingClientRect().top;
    action();
    window.scrollBy({ top: element.getBoundingClientRect().top - before, behavior: "instant" });
  }
  function show(index) {
    var state = data.states[index];
    restore();
    document.body.classList.toggle("other", !state.plan);
    looking.hidden = state.plan;
    document.getElementById("looking-title").textContent = state.title;
    document.getElementById("stepped").textContent = state.plan ? state.title : state.title + ". " + state.expectation;
    slider.setAttribute("aria-valuetext", state.title);
    if (state.plan) { return; }
    all("[data-live]", function (element) {
      if (element.dataset.live in state) { put(element, state[element.dataset.live]); }
    });
    Array.from(document.querySelectorAll("[data-row]")).forEach(function (row, index) { showRow(row, state.rows[index]); });
    place(document.querySelector("[data-cursor]"), { cx: state.cursor[0], cy: state.cursor[1] });
  }
  if (slider) {
    slider.value = data.chosen;
    document.getElementById("stepper").hidden = false;
    slider.addEventListener("input", function () { keepingPlace(slider, function () { show(Number(slider.value)); }); });
    document.getElementById("back").addEventListener("click", function () {
      slider.value = data.chosen;
      keepingPlace(document.elementFromPoint(window.innerWidth / 2, window.innerHeight / 2) || slider, function () { show(data.chosen); });
    });
    show(data.chosen);
  }

  // Print: the proposed plan, and everything that is folded.
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach(function (fold) { fold.open = true; });
    if (slider) { show(data.chosen); }
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (fold) { fold.open = false; });
    if (slider) { show(Number(slider.value)); }
  });
}());
