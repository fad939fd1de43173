import { Player } from "./player.js";
import { localTimes } from "./times.js";
import { SAY, Verdicts, inField, wire } from "./verdict.js";

localTimes(document);
const root = document.querySelector(".detail");
if (root) {
  const player = new Player(root);
  const buttons = wire(root, new Verdicts());
  const go = (rel) => document.querySelector(`a[rel="${rel}"]`)?.click();
  for (const button of root.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => go(button.dataset.step === "1" ? "next" : "prev"));
    button.disabled = !document.querySelector(`a[rel="${button.dataset.step === "1" ? "next" : "prev"}"]`);
  }
  addEventListener("keydown", (event) => {
    if (inField(event)) return;
    if (event.key === "j") go("next");
    else if (event.key === "k") go("prev");
    else if (event.key === " " && !event.target.matches("button, a, summary, video")) player.toggle();
    else if (SAY[event.key]) buttons.say(SAY[event.key]);
    else if (!buttons.digit(event.key)) return;
    event.preventDefault();
  });
}
