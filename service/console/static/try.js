// Every call with a form to try it, made by Swagger UI from our own OpenAPI document. Keys that are
// typed stay in the page; the session of the pages counts for pages alone.
(async () => {
  "use strict";
  const place = document.getElementById("swagger-ui");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", paint);
  paint();

  const answer = await fetch(place.dataset.document, { headers: { Accept: "application/json" } });
  const spec = await answer.json();
  for (const [path, calls] of Object.entries(spec.paths)) {
    for (const [method, call] of Object.entries(calls)) {
      if (call.tags?.includes("pages")) delete calls[method];
    }
    if (!Object.keys(calls).length) delete spec.paths[path];
  }
  // As its own `deepLinking`, which complains in the console of each name with an underscore.
  const open = () => {
    const [, tag, call] = location.hash.split("/").map(decodeURIComponent);
    if (!call) return;
    ui.layoutActions.show(["operations-tag", tag], true);
    ui.layoutActions.show(["operations", tag, call], true);
    requestAnimationFrame(() => document.getElementById(`operations-${tag}-${call}`)?.scrollIntoView());
  };
  addEventListener("hashchange", open);
  const ui = SwaggerUIBundle({
    spec,
    domNode: place,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    filter: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    onComplete: () => open(),
  });
})();
