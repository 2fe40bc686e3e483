(function () {
  "use strict";
  document.documentElement.classList.add("js");
  // Where a row becomes a block, on a phone, each cell says what it is.
  [].forEach.call(document.querySelectorAll(".card.scroll > table:not(.matrix), .diff table"), function (t) {
    var heads = [].map.call(t.querySelectorAll("thead th"), function (h) { return h.textContent; });
    t.classList.add("stack");
    [].forEach.call(t.querySelectorAll("tbody tr"), function (r) {
      [].forEach.call(r.children, function (c, i) { c.dataset.label = c.colSpan > 1 ? "" : heads[i]; });
    });
  });
  var box = document.getElementById("filters");
  if (!box) return;
  var items = [].slice.call(document.querySelectorAll("details.finding"));
  var status = "", node = "", text = "";
  var none = document.getElementById("no-match");
  function apply() {
    var shown = 0;
    items.forEach(function (d) {
      var hit = (!status || d.dataset.status === status) &&
        (!node || (" " + d.dataset.nodes + " ").indexOf(" " + node + " ") >= 0) &&
        (!text || d.dataset.text.indexOf(text) >= 0);
      d.hidden = !hit;
      if (hit) shown++;
    });
    none.hidden = shown > 0;
    document.getElementById("shown").textContent = shown + " shown";
  }
  box.addEventListener("click", function (e) {
    var b = e.target.closest("button[data-status]");
    if (!b) return;
    status = b.dataset.status;
    box.querySelectorAll("button[data-status]").forEach(function (o) { o.setAttribute("aria-pressed", String(o === b)); });
    apply();
  });
  document.getElementById("by-node").addEventListener("change", function (e) { node = e.target.value; apply(); });
  document.getElementById("by-text").addEventListener("input", function (e) { text = e.target.value.trim().toLowerCase(); apply(); });
  apply();
  var closed = []; // the long list of passes is printed only when a reader opened it: the matrix holds its gist
  window.addEventListener("beforeprint", function () {
    closed = [].slice.call(document.querySelectorAll("details:not([open]):not(.long)"));
    closed.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () { closed.forEach(function (d) { d.open = false; }); });
})();
