// Starts each part in its placeholder on the page.
for (const holder of document.querySelectorAll(".plot")) chart(holder);
for (const holder of document.querySelectorAll("[data-table]")) runs(holder);

const names = [...document.querySelectorAll("button[data-group]")];
const variant = (name) => groups[Number(name.dataset.group)].variant;
const press = () => names.forEach((name) => {
  name.setAttribute("aria-pressed", String(!choice.hidden.has(variant(name))));
});
for (const name of names) {
  name.title = "show or hide in the charts";
  name.addEventListener("click", () => choice.toggle(variant(name)));
}
choice.listen(press);
press();

// Verdicts and notes are expanded before printing, because paper has nothing to click.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll(":is(.answer, #summary) details:not([open])")];
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
document.documentElement.dataset.ready = "true";
