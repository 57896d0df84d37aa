// A choice is part of the address: choosing sends the form, and without scripts its button does.
for (const form of document.querySelectorAll("form.choices")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}
