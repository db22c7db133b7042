const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** A file's size in the reader's language, in decimal units. */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  const maximumFractionDigits = value < 10 && power > 0 ? 1 : 0;
  return new Intl.NumberFormat(undefined, { style: "unit", unit: UNITS[power] ?? "byte", unitDisplay: "short", maximumFractionDigits }).format(value);
}
