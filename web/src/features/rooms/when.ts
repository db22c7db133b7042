/** When something was, as short as it can be told: 14:32, Fri, 12 Mar, 12/03/2024. */
export function shortTime(ts: number, now = Date.now(), locale?: string): string {
  if (!ts) return "";
  const then = new Date(ts);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) {
    return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(then);
  }
  const midnight = new Date(today.getFullYear(), today.getMonth(), today.getDate()).getTime();
  if (ts < midnight && midnight - ts < 6 * 86_400_000) return new Intl.DateTimeFormat(locale, { weekday: "short" }).format(then);
  if (then.getFullYear() === today.getFullYear()) return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" }).format(then);
  return new Intl.DateTimeFormat(locale, { dateStyle: "short" }).format(then);
}
