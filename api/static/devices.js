import { localTimes } from "./times.js";

localTimes(document);
document.body.addEventListener("htmx:afterSwap", () => localTimes(document));
