const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** "2 hr. ago", "yesterday": how long ago something was, roughly. */
export function agoOf(ts: number, locale?: string, now = Date.now()): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const passed = Math.max(0, now - ts);
  for (const [unit, ms] of STEPS) {
    if (passed >= ms) return format.format(-Math.floor(passed / ms), unit);
  }
  return format.format(0, "minute");
}
