// Times come in UTC and are shown in the reader's own zone, which only the browser knows.

// The page's language in the reader's own flavour of it: 24 hours in Britain, AM and PM in the United States.
const page = document.documentElement.lang.split("-")[0];
const locale = navigator.languages.find((tag) => tag.split("-")[0] === page) ?? document.documentElement.lang;
const full = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });

/** Show every <time> below `root` in local time; today's as the time alone, the whole on hover. */
export function localTimes(root, now = new Date()) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.textContent = at.toDateString() === now.toDateString() ? clock.format(at) : full.format(at);
    element.title = full.format(at);
  }
}

/** Seconds as 0:07, 12:30 or 3:05:00. */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
