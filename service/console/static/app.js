// The few things that pages do by themselves, besides htmx. Each page works without them.
"use strict";

// Fragments that renew themselves do not, while no one looks.
document.addEventListener("htmx:before:request", (event) => {
  const trigger = event.target.getAttribute?.("hx-trigger") || "";
  if (document.hidden && trigger.startsWith("every")) event.preventDefault();
});

// <button data-copy="id of an element">: puts its text on the clipboard.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => { button.textContent = words; }, 1500);
});

// On a phone the pages stand in a row that is wider than it: this one is seen there.
document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A form is sent once, however often its button is clicked; back in the history it can be again.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.target.hasAttribute("hx-post")) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
  for (const button of event.target.querySelectorAll("button")) {
    button.setAttribute("aria-disabled", "true");
  }
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});
