// The live page: state over server-sent events, one card per elevator, events fetched again when they change.

import { Card } from "./elevator.js";
import { localTimes } from "./times.js";
import { t } from "./words.js";

const $ = (id) => document.getElementById(id);
const cards = new Map();
let eventsKey = "";
let latencyKey = "";

function guardHeard(heard) {
  $("guard").textContent = t(heard ? "guard.on" : "guard.off");
  $("guard").dataset.on = heard ? "yes" : "no";
  if (!heard && $("guard-off").hidden) $("announce").textContent = $("guard-off").textContent;
  $("guard-off").hidden = heard;
  if (!heard) document.title = t("title");
  for (const card of cards.values()) card.reachable(heard);
}

function showState(state) {
  $("page-off").hidden = true;
  $("connecting")?.remove();
  guardHeard(true);
  $("store-off").hidden = state.store_ok;
  for (const [id, card] of cards) {
    if (!state.elevators.some((e) => e.id === id)) {
      card.remove();
      cards.delete(id);
    }
  }
  for (const elevator of state.elevators) {
    let card = cards.get(elevator.id);
    if (!card) {
      card = new Card(elevator.id, $("elevator"), $("elevators"), (text) => ($("announce").textContent = text));
      cards.set(elevator.id, card);
    }
    card.show(elevator, state.at);
  }
  const worst = state.elevators.find((e) => e.phase === "HOLDING" || e.phase === "PAUSED");
  document.title = worst ? `● ${worst.name} · ${t(`short.${worst.phase}`)}` : t("title");
  showSummary(state.elevators);
  showLatency(state);
  const key = state.elevators.map((e) => `${e.id} ${e.open_event_id} ${e.events} ${e.phase}`).join();
  if (key !== eventsKey) {
    eventsKey = key;
    loadEvents();
  }
}

/** Many elevators: one line says how they are, the grid gets smaller cards, what is held comes first. */
function showSummary(elevators) {
  const many = elevators.length > 2;
  $("elevators").dataset.many = many ? "yes" : "no";
  $("summary").hidden = !many;
  if (!many) return;
  const held = elevators.filter((e) => ["SUSPECT", "HOLDING", "PAUSED"].includes(e.phase));
  const apart = elevators.filter((e) => e.phase === "INHIBITED");
  const trouble = elevators.filter((e) => e.phase === "BLIND" || !e.relay_ok);
  const watching = elevators.length - new Set([...held, ...apart, ...trouble]).size;
  const parts = [["held", held.length], ["trouble", trouble.length], ["apart", apart.length], ["watching", watching]];
  const text = parts.filter(([, n]) => n).map(([what, n]) => t(`live.${what}`, { n }).replaceAll(" ", "\u00a0")).join(" · ");
  if ($("summary").textContent !== text) $("summary").textContent = text;
  $("summary").dataset.held = held.length ? "yes" : "no";
}

function showLatency(state) {
  const key = JSON.stringify(state.latency);
  if (key === latencyKey || state.latency.length === 0 || !$("speed").open) return;
  latencyKey = key;
  const several = state.elevators.length > 1;
  const rows = state.latency.map((stage) => {
    const row = document.createElement("tr");
    const elevator = state.elevators.find((e) => e.id === stage.elevator_id)?.name ?? stage.elevator_id;
    const name = several ? `${elevator} · ${t(`stage.${stage.stage}`)}` : t(`stage.${stage.stage}`);
    const ms = [stage.p50_ms, stage.p95_ms, stage.p99_ms].map((v) => v.toFixed(1));
    for (const text of [name, ...ms, stage.n]) row.insertCell().textContent = text;
    return row;
  });
  $("latency").replaceChildren(...rows);
}

let loading = false;
let shownEvents = "";
let again = false;

/** Newest events, rendered by the server. Guard stores an event just after it speaks of it: look twice. */
async function loadEvents() {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  try {
    for (const delay of [0, 700]) {
      await new Promise((done) => setTimeout(done, delay));
      const answer = await fetch(`/fragments/events?lang=${$("events").dataset.lang}`);
      if (!answer.ok) continue;
      const html = await answer.text();
      if (html === shownEvents) continue; // the second look found what the first one did
      shownEvents = html;
      const focused = document.activeElement?.closest("[data-event]")?.dataset.event;
      $("events").innerHTML = html;
      localTimes($("events"));
      if (focused) $("events").querySelector(`[data-event="${focused}"] a`)?.focus();
    }
  } catch {
    // Web is away; the stream says so, and brings us here again when it is back.
  } finally {
    loading = false;
  }
  if (again) {
    again = false;
    loadEvents();
  }
}

function listen() {
  const stream = new EventSource("/api/v1/live");
  stream.addEventListener("state", ({ data }) => showState(JSON.parse(data)));
  stream.addEventListener("silent", () => {
    $("page-off").hidden = true;
    $("connecting")?.remove();
    guardHeard(false);
  });
  stream.onerror = () => {
    $("page-off").hidden = false;
    for (const card of cards.values()) card.reachable(false);
    document.title = t("title");
    eventsKey = "";
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // refused: it does not retry itself
  };
}

localTimes($("events"));
$("speed").addEventListener("toggle", () => (latencyKey = ""));
listen();
setInterval(loadEvents, 30000);
