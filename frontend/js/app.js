// Everything here only adds to pages that already work without it.
import Alpine from "@alpinejs/csp";
import htmx from "htmx.org";
import { drawCharts } from "./charts.js";

// Forms carry their token in a hidden field; a request that has no form needs it as a header.
document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  if (["GET", "HEAD"].includes(String(request.method).toUpperCase())) return;
  const token = document.querySelector('meta[name="csrf-token"]');
  if (token) request.headers["X-CSRF-Token"] = token.content;
});

// A second click on a slow "Pay" must not send the form twice; the server would refuse it, but the customer would see the refusal.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("data-resubmit")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit], button:not([type])")) button.setAttribute("aria-disabled", "true");
});
// Back from the next page restores this one as it was left: allow sending again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

Alpine.data("copy", () => ({
  copied: false,
  async copy() {
    await navigator.clipboard.writeText(this.$root.querySelector("code").textContent.trim());
    this.copied = true;
    setTimeout(() => {
      this.copied = false;
    }, 2000);
  },
}));

Alpine.data("dismissable", () => ({
  shown: true,
  dismiss() {
    this.shown = false;
  },
}));

// Where the tabs are wider than the screen, the page that is open must not hide beyond its edge.
for (const tabs of document.querySelectorAll(".tabs")) {
  const open = tabs.querySelector("[aria-current]");
  if (!open) continue;
  const [outer, inner] = [tabs.getBoundingClientRect(), open.getBoundingClientRect()];
  tabs.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

window.htmx = htmx;
window.Alpine = Alpine;
Alpine.start();
drawCharts(document);
document.addEventListener("htmx:after:swap", () => drawCharts(document));
